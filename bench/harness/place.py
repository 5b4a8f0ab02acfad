"""Where things are: the repository, what was built, and the interpreter that has the peers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAMS = TARGET / "release"
C_PROGRAMS = TARGET / "bench"
RESULTS = TARGET / "bench"
PYTHON = Path(sys.executable)
CPU = str(max(os.sched_getaffinity(0)))
"""Where pinned rows run, server and client together: the price of a message in instructions, without the cost
of waking another processor, which varies five times as much."""

PINNED = ["taskset", "-c", CPU]

# What `make sizes` does is used by the rows about size.
sys.path.append(str(ROOT / "scripts"))
