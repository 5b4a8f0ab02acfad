"""What flowai weighs: start-up time, memory, files."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import build, process, server
from harness.place import PINNED, PROGRAMS, PYTHON, ROOT
from harness.row import Median, Row
from rows import send_c, send_python

import sizes  # isort: skip, since harness.place says where it is

MB = 1_000_000
IMPORTS = 15


def starting(module: str) -> Callable[[], float]:
    """Milliseconds that an import takes in a fresh interpreter: the median of some."""

    def start(code: str) -> float:
        timed = "import time, sys; began = time.perf_counter(); {}; print(time.perf_counter() - began)"
        done = subprocess.run(
            [*PINNED, str(PYTHON), "-c", timed.format(code)],
            env=process.clean_environment() | {"PYTHONDONTWRITEBYTECODE": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout)

    def measure() -> float:
        times = sorted(start(f"import {module}") for _ in range(IMPORTS))
        return times[len(times) // 2] * 1000

    return measure


@contextlib.contextmanager
def imports() -> Iterator[Row]:
    modules = ("flowai", "pycurl", "wreq", "ry", "requests", "httpx", "aiohttp")
    yield Row(
        name="import",
        title="import in a fresh interpreter",
        unit="ms",
        contenders={module: starting(module) for module in modules},
        reference="requests",
        goals=[Median("flowai", at_most=4)],
    )


@contextlib.contextmanager
def python_memory() -> Iterator[Row]:
    with server.server() as running:

        def memory(peer: str) -> Callable[[], float]:
            command = [PYTHON, send_python.BENCH / "workers" / "send.py", "sequential", peer]
            return lambda: process.run([*command, running.base_url(), "0", "1000"])["memory"] * 1024 / MB

        yield Row(
            name="memory",
            title="Python, peak memory of a process that sent 1,000 messages",
            unit="MB",
            contenders={peer: memory(peer) for peer in ("flowai", "urllib3", "pycurl", "wreq", "requests")},
            reference="urllib3",
            goals=[Median("flowai", at_most=24.5)],
        )


FOR_DEVICES = "flowai for devices"


@functools.cache
def for_devices() -> Path:
    """Build the library with the client and the parsing alone, as `make sizes` does."""
    return sizes.build(sizes.cross.TARGETS[sizes.cross.host()], "small")


@contextlib.contextmanager
def c_memory() -> Iterator[Row]:
    with server.server() as running:

        def memory(program: str) -> Callable[[], float]:
            command = [*send_c.command(running, program), "0", "1"]
            return lambda: process.run(command)["memory"] * 1024 / MB

        def on_a_device() -> float:
            host = sizes.cross.TARGETS[sizes.cross.host()]
            return float(sizes.memory(host, "small", for_devices(), running.base_url())) / MB

        yield Row(
            name="c-memory",
            title="C, peak memory of a program that sent one message",
            unit="MB",
            contenders={
                FOR_DEVICES: on_a_device,
                "flowai": memory("flowai"),
                "libcurl": memory("libcurl"),
                "socket": memory("socket"),
            },
            reference="libcurl",
            goals=[Median(FOR_DEVICES, at_most=3.0)],
            note="flowai for devices: what is in memory once the message is sent, see `make sizes`.",
        )


@contextlib.contextmanager
def files() -> Iterator[Row]:
    yield Row(
        name="size",
        title="what is shipped",
        unit="MB",
        contenders={
            FOR_DEVICES: lambda: for_devices().stat().st_size / MB,
            "libflowai.so": lambda: (PROGRAMS / "libflowai.so").stat().st_size / MB,
            "wheel": lambda: build.the_wheel().stat().st_size / MB,
        },
        goals=[Median(FOR_DEVICES, at_most=2.2), Median("wheel", at_most=6)],
        rounds=1,
    )


def first_program() -> str:
    """Give the first program of the README, which gets a reply."""
    text = (ROOT / "README.md").read_text()
    return text.split("```python\n", 1)[1].split("```", 1)[0]


@contextlib.contextmanager
def installing() -> Iterator[Row]:
    """From nothing but an interpreter and the wheel to a bot that answers; the download is not measured."""

    def seconds() -> float:
        with tempfile.TemporaryDirectory() as folder:
            python = Path(folder) / "bin" / "python"
            began = time.perf_counter()
            subprocess.run([PYTHON, "-m", "venv", folder], check=True)
            pip = [python, "-m", "pip", "install", "--quiet", "--no-index", build.the_wheel()]
            subprocess.run(pip, check=True)
            done = subprocess.run([python, "-c", first_program()], capture_output=True, text=True, check=True)
            took = time.perf_counter() - began
        if "Hello! How can I help?" not in done.stdout:
            raise RuntimeError(f"no reply: {done.stdout}")
        return took

    def lines() -> float:
        return sum(bool(line.strip()) for line in first_program().splitlines())

    yield Row(
        name="install",
        title="from a new environment by `pip install` to the first reply",
        unit="seconds, lines",
        contenders={"seconds": seconds, "lines of code": lines},
        goals=[Median("seconds", at_most=60), Median("lines of code", at_most=8)],
        rounds=3,
    )


ROWS = [imports, python_memory, c_memory, files, installing]
