"""What flowai weighs: start-up time, memory, files."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import build, process, server
from harness.place import PINNED, PROGRAMS, PYTHON, ROOT, TARGET
from harness.row import Median, Row
from rows import send_c, send_python

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


@contextlib.contextmanager
def c_memory() -> Iterator[Row]:
    with server.server() as running:

        def memory(program: str) -> Callable[[], float]:
            command = [*send_c.command(running, program), "0", "1"]
            return lambda: process.run(command)["memory"] * 1024 / MB

        yield Row(
            name="c-memory",
            title="C, peak memory of a program that sent one message",
            unit="MB",
            contenders={program: memory(program) for program in ("flowai", "libcurl", "socket")},
            reference="libcurl",
            goals=[Median("flowai", at_most=3.0)],
        )


@contextlib.contextmanager
def sizes() -> Iterator[Row]:
    def library() -> float:
        build.cargo(
            "build", "--release", "-p", "flowai-c", "--no-default-features", "--target-dir", str(SMALL)
        )
        return (SMALL / "release" / "libflowai.so").stat().st_size / MB

    def wheel() -> float:
        with tempfile.TemporaryDirectory() as folder:
            command = [str(PYTHON), "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, str(ROOT)]
            subprocess.run(command, env=os.environ | {"CARGO_TARGET_DIR": str(TARGET)}, check=True)
            (made,) = Path(folder).glob("*.whl")
            return made.stat().st_size / MB

    yield Row(
        name="size",
        title="what is shipped",
        unit="MB",
        contenders={
            "libflowai.so, client and parsing": library,
            "libflowai.so": lambda: (PROGRAMS / "libflowai.so").stat().st_size / MB,
            "wheel": wheel,
        },
        goals=[Median("libflowai.so, client and parsing", at_most=2.2), Median("wheel", at_most=6)],
        rounds=1,
    )


SMALL = TARGET / "bench" / "small"
ROWS = [imports, python_memory, c_memory, sizes]
