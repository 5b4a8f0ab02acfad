"""The opening hours of the shared vectors."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conftest import VECTORS

Json = Any

HERE = Path(__file__).parent
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds(at: datetime) -> int:
    return int((at - EPOCH).total_seconds())


def offset(at: datetime) -> int:
    ahead = at.utcoffset()
    assert ahead is not None
    return int(ahead.total_seconds())


def moment(text: str | None) -> int | None:
    return None if text is None else seconds(datetime.fromisoformat(text))


def test_opening_hours(compile_c: Callable[..., Path], tmp_path: Path) -> None:
    vectors = json.loads((VECTORS / "opening_hours.json").read_text())
    assert len(vectors) > 40
    lines = []
    for number, vector in enumerate(vectors):
        at = datetime.fromisoformat(vector["at"])
        event = {"type": "businessHours", "businessHours": [vector["hours"]]}
        (tmp_path / str(number)).write_text(json.dumps(event))
        lines.append(f"{tmp_path / str(number)}\t{seconds(at)}\t{offset(at)}\n")
    program = compile_c(HERE / "opening_hours.c")
    done = subprocess.run([program], input="".join(lines), capture_output=True, timeout=120, text=True)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    problems = []
    for vector, answer in zip(vectors, answers, strict=True):
        expected = vector["expect"]
        wanted = {name: value if name == "is_open" else moment(value) for name, value in expected.items()}
        if wanted != {name: answer[name] for name in wanted}:
            problems.append(f"{vector['id']}: expected {wanted}, got {answer}")
    assert not problems, "\n".join(problems)
