"""The programs in unit/: misuse, threads, fork, signals, the receiver, inbox and outbox."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import EMULATOR

UNIT = Path(__file__).parent / "unit"
PROGRAMS = sorted(path.stem for path in UNIT.glob("*.c"))


def run(command: list[str | Path], name: str, server: dict[str, str], timeout: float) -> None:
    base_url = f"{server['http']}/fault/ok/cunit{name}/rest/v1/"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FLOWAI_")}
    done = subprocess.run(
        [*command, base_url], timeout=timeout, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Sanitizers look at the machine that they run on.
on_this_machine = pytest.mark.skipif(bool(EMULATOR), reason="the program is of another machine")


@pytest.mark.parametrize("name", PROGRAMS)
def test_unit(name: str, compile_c: Callable[..., Path], server: dict[str, str]) -> None:
    if EMULATOR and (name == "shutdown" or name.startswith("fork")):
        pytest.skip("qemu-user has threads of its own, which it counts, and does not fork with them at work")
    run([compile_c(UNIT / f"{name}.c")], name, server, 120)


# Not those that fork while threads are at work: the sanitizer of gcc 12 keeps its own locks in the child.
@on_this_machine
@pytest.mark.parametrize("name", [name for name in PROGRAMS if not name.startswith("fork")])
def test_no_error_of_addresses(name: str, compile_c: Callable[..., Path], server: dict[str, str]) -> None:
    """The sanitizer is in the program, knows what the library allocates, and tells what is left behind."""
    program = compile_c(UNIT / f"{name}.c", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    run([program], f"{name}asan", server, 120)


# Not those that fork or that write megabytes: under valgrind they would take minutes and prove nothing more.
@on_this_machine
@pytest.mark.parametrize(
    "name",
    [
        "calls",
        "documents",
        "inbox",
        "inbox_receiver",
        "log",
        "misuse",
        "outbox",
        "queue",
        "receiver",
        "threads",
        "upload",
    ],
)
def test_no_error_of_memory(name: str, compile_c: Callable[..., Path], server: dict[str, str]) -> None:
    if shutil.which("valgrind") is None:
        assert not os.environ.get("CI"), "valgrind is missing"
        pytest.skip("valgrind is missing")
    valgrind = [
        "valgrind",
        "--quiet",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite",
        "--error-exitcode=9",
    ]
    run([*valgrind, compile_c(UNIT / f"{name}.c")], name, server, 280)
