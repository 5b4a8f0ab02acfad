"""The program that is tried, the library that makes its disk fail, and the table of what was tried."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

sys.path.insert(0, str(HERE))

from figures import Figures  # noqa: E402  (a module of these tests, found through the path above)
from fragile import Fragile  # noqa: E402
from programs import PROGRAM  # noqa: E402
from service import Service  # noqa: E402

_FIGURES = Figures()


@pytest.fixture(scope="session")
def figures() -> Figures:
    return _FIGURES


@pytest.fixture(scope="session", autouse=True)
def program() -> Path:
    command = "cargo build -p flowai-delivery --features failpoints --example durability"
    assert PROGRAM.exists(), f"{PROGRAM} is missing: {command}"
    return PROGRAM


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The disk that can fail."""
    if sys.platform != "linux":
        pytest.skip("powerfail.c knows the C library of Linux only")
    path = tmp_path_factory.mktemp("library") / "powerfail.so"
    options = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-ldl", "-lpthread"]
    subprocess.run(["cc", str(HERE / "powerfail.c"), "-o", str(path), *options], check=True, timeout=60)
    return path


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is such a thing: neither a kill nor `powerfail.c` needs a disk."""
    shared = Path("/dev/shm")
    if not shared.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="flowai-durability-", dir=shared) as place:
        yield Path(place)


@pytest.fixture
def fragile(library: Path, memory: Path) -> Iterator[Fragile]:
    fragile = Fragile(library, memory / "fragile")
    yield fragile
    fragile.close()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = _FIGURES.lines()
    if lines:
        terminalreporter.write_line("\n" + "\n".join(lines))
