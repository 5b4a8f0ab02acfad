"""The library under test, programs that use it, and the server that they talk to."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
VECTORS = ROOT / "tests" / "vectors"
# For other machines: the compilers, and what runs their programs (scripts/cross.py).
CC = shlex.split(os.environ.get("FLOWAI_CC", "cc"))
CXX = shlex.split(os.environ.get("FLOWAI_CXX", "c++"))
EMULATOR = shlex.split(os.environ.get("FLOWAI_EMULATOR", ""))
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def declared(*definitions: str) -> set[str]:
    """The functions that the header declares."""
    command = ["cc", *definitions, "-E", str(INCLUDE / "flowai.h")]
    preprocessed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    return set(re.findall(r"\b(flowai_\w+)\(", preprocessed))


def _folder(variable: str) -> Path:
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    return Path(os.environ.get(variable, Path(target) / "debug")).resolve()


@pytest.fixture(scope="session")
def library() -> Path:
    """The shared library."""
    path = _folder("FLOWAI_LIB_DIR") / "libflowai.so"
    assert path.exists(), f"{path} is missing: cargo build -p flowai-c"
    return path


@pytest.fixture(scope="session")
def compile_c(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compiles programs and links them with the library."""
    folder = tmp_path_factory.mktemp("programs")

    def compile_program(source: Path, *options: str) -> Path:
        program = folder / source.stem
        command = [
            *CC,
            "-std=c11",
            "-D_GNU_SOURCE",
            "-g",
            *WARNINGS,
            *options,
            f"-I{INCLUDE}",
            "-o",
            str(program),
        ]
        command += [
            str(source),
            f"-L{library.parent}",
            "-lflowai",
            f"-Wl,-rpath,{library.parent}",
            "-pthread",
        ]
        subprocess.run(command, check=True, timeout=300)
        return runnable(program)

    return compile_program


def runnable(program: Path) -> Path:
    """The program; one of another machine becomes a script by its name, which has the emulator run it."""
    if not EMULATOR:
        return program
    real = program.with_suffix(".real")
    program.rename(real)
    program.write_text(f'#!/bin/sh\nexec {shlex.join([*EMULATOR, str(real)])} "$@"\n')
    program.chmod(0o755)
    return program


@pytest.fixture(scope="session")
def binaries() -> Path:
    """Where the command line and the test server are."""
    return _folder("FLOWAI_BIN_DIR")


@pytest.fixture(scope="session")
def server(binaries: Path) -> Iterator[dict[str, str]]:
    """The server of the vectors, and where each of its parts is."""
    program = binaries / "flowai-testkit"
    assert program.exists(), f"{program} is missing: cargo build -p flowai-testkit"
    with subprocess.Popen(
        [program, "serve", "--vectors", str(VECTORS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def loop(binaries: Path) -> Iterator[dict[str, str]]:
    """A sandbox and the environment of programs that talk to it and are called by it."""
    flowai = binaries / "flowai"
    assert flowai.exists(), f"{flowai} is missing: cargo build -p flowai-cli"
    listen = f"127.0.0.1:{free_port()}"
    command = [str(flowai), "--json", "sandbox", "--listen", "127.0.0.1:0", "--no-webhook-check"]
    command += ["--webhook-url", f"http://{listen}/", "--speed", "200"]
    # The sandbox does not tell a key and a secret that it found in the environment.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLOWAI_")}
    with subprocess.Popen(command, env=clean, stdout=subprocess.PIPE, text=True) as sandbox:
        assert sandbox.stdout is not None
        try:
            told = json.loads(sandbox.stdout.readline())
            yield os.environ | {
                "FLOWAI_BASE_URL": told["base_url"],
                "FLOWAI_API_KEY": told["api_key"],
                "FLOWAI_WEBHOOK_SECRET": told["webhook_secret"],
                "FLOWAI_LISTEN": listen,
            }
        finally:
            sandbox.terminate()


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Finds a tool. One that is missing skips the test; in CI that is a failure."""

    def find(name: str) -> str:
        if found := shutil.which(name):
            return found
        missing = f"missing: {name} (scripts/setup-debian installs it)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)

    return find
