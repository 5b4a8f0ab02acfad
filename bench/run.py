"""`make bench`: flowai beside its peers, on this machine, in one table.

Each row is measured in rounds; in each round every contender runs once, in a fresh process, in random order.
What counts is the ratio within a round. ROW names rows by how they begin; without it all are measured.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys

from harness import build, table
from harness.place import RESULTS
from harness.row import Row, is_met
from rows import ALL


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="names of rows, or how they begin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-build", action="store_true", help="measure what is there")
    arguments = parser.parse_args()
    if not arguments.no_build:
        build.everything()
    measured: list[Row] = []
    for make in ALL:
        with make() as row:
            if arguments.rows and not any(row.name.startswith(start) for start in arguments.rows):
                continue
            row.measure(arguments.rounds, progress)
        progress("")
        print(table.show(row), end="\n\n", flush=True)
        measured.append(row)
        # What was measured is not lost when a later row fails.
        write(measured, arguments.rounds)
    if not measured:
        print(f"no row begins with {' or '.join(arguments.rows)}", file=sys.stderr)
        return 2
    goals = [is_met(goal, row.figures) for row in measured for goal in row.goals]
    print(f"{sum(goals)} of {len(goals)} goals met")
    return 0


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def write(measured: list[Row], rounds: int) -> None:
    """Keep the figures for programs, such as the one that draws the charts: of each row the last ones."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    told = {row.name: {"time": now, "rounds": row.rounds or rounds} | table.document(row) for row in measured}
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "results.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(before | told, indent=1))


if __name__ == "__main__":
    sys.exit(main())
