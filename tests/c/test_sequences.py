"""Random sequences of calls of every function of the header: fuzz/sequences.c."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from fuzz import calls

from conftest import INCLUDE

HERE = Path(__file__).parent / "fuzz"
SEQUENCES = int(os.environ.get("FLOWAI_SEQUENCES", "200"))
SEED = int(os.environ.get("FLOWAI_SEED", "1"))


def test_sequences_of_calls(compile_c: Callable[..., Path], server: dict[str, str], tmp_path: Path) -> None:
    """Nothing crashes or hangs, under the address sanitizer for what is the program's."""
    calls.write(INCLUDE / "flowai.h", tmp_path / "calls.h")
    options = [f"-I{tmp_path}", "-Wno-deprecated-declarations", "-fsanitize=address,undefined", "-O1"]
    program = compile_c(HERE / "sequences.c", *options)
    folder = tmp_path / "empty"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLOWAI_")}
    environment["FLOWAI_BASE_URL"] = f"{server['http']}/fault/ok/csequences/rest/v1/"
    done = subprocess.run(
        [program, str(SEQUENCES), str(SEED)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60 + SEQUENCES,
    )
    assert done.returncode == 0, f"seed {SEED}: {done.stdout}{done.stderr}"
    told = json.loads(done.stdout)
    print(told)
    assert told["sequences"] == SEQUENCES
    # Not only refusals: most functions did what they are for.
    assert told["succeeded"] > 0.6 * told["functions"], told
