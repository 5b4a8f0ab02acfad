"""The programs in unit/: misuse, threads, fork, signals, the receiver."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

UNIT = Path(__file__).parent / "unit"
PROGRAMS = sorted(path.stem for path in UNIT.glob("*.c"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_unit(name: str, compile_c: Callable[..., Path], server: dict[str, str]) -> None:
    program = compile_c(UNIT / f"{name}.c")
    base_url = f"{server['http']}/fault/ok/cunit{name}/rest/v1/"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FLOWAI_")}
    done = subprocess.run([program, base_url], timeout=120, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
