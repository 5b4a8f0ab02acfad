"""The library under test, programs that use it, and the server that they talk to."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
VECTORS = ROOT / "tests" / "vectors"
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
            "cc",
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
        return program

    return compile_program


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
