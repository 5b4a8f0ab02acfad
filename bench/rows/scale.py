"""A great many: what the last of them costs beside the first, in time and memory; and more threads."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from harness import process, server
from harness.place import BENCH, PROGRAMS, PYTHON, RESULTS
from harness.row import Median, Ratio, Row
from rows import send_python

WORKER = BENCH / "workers" / "scale.py"
SENDS = 200_000
EVENTS = 100_000
PAGES = 10_000
THREADS = (1, 2, 4, 8, 16, 32, 64)
MESSAGES = 24_000
ROUNDS = 3

COST = "cost, last tenth over first"
GROWTH = "memory, last tenth less second"
Points = list[tuple[float, float, float]]


def flat(row: Row, run: Callable[[], Points]) -> Row:
    """Have a row measure whether cost and memory stay as they are: one run gives both, and the curves."""
    waiting: dict[str, float] = {}

    def figure(name: str) -> Callable[[], float]:
        def measure() -> float:
            if name not in waiting:
                points = run()
                waiting.update(judged(points))
                row.curves = {
                    "microseconds of CPU each": [(done, cost) for done, cost, _ in points],
                    "MB of memory": [(done, memory) for done, _, memory in points],
                }
            return waiting.pop(name)

        return measure

    row.contenders = {name: figure(name) for name in (COST, GROWTH)}
    row.goals = [Median(COST, at_most=1.15), Median(GROWTH, at_most=2)]
    return row


def judged(points: Points) -> dict[str, float]:
    tenth = len(points) // 10
    costs, memory = [cost for _, cost, _ in points], [memory for *_, memory in points]
    return {
        COST: statistics.median(costs[-tenth:]) / statistics.median(costs[:tenth]),
        # In the first tenth pools and allocators grow to what they need.
        GROWTH: max(memory[-tenth:]) - max(memory[tenth : 2 * tenth]),
    }


def points(told: dict[str, Any]) -> Points:
    return [tuple(point) for point in told["points"]]


@contextlib.contextmanager
def sends() -> Iterator[Row]:
    with server.server() as running:

        def run() -> Points:
            with running.expecting(SENDS, 1):
                return points(process.run([PYTHON, WORKER, "sends", running.base_url(), str(SENDS)]))

        row = Row(
            name="scale-sends",
            title=f"Python, {SENDS:,} messages, one after another",
            unit="ratio, MB",
            contenders={},
            goals=[],
            rounds=ROUNDS,
            axes=("messages", ""),
        )
        yield flat(row, run)


@contextlib.contextmanager
def events() -> Iterator[Row]:
    def run() -> Points:
        with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
            worker = [PYTHON, WORKER, "events", folder, str(EVENTS), PROGRAMS / "bench-load"]
            return points(process.run(worker))

    RESULTS.mkdir(parents=True, exist_ok=True)
    row = Row(
        name="scale-events",
        title=f"Python, {EVENTS:,} webhook calls into an inbox and out of it",
        unit="ratio, MB",
        contenders={},
        goals=[],
        rounds=ROUNDS,
        axes=("events", ""),
    )
    yield flat(row, run)


@contextlib.contextmanager
def history() -> Iterator[Row]:
    with server.server() as running:

        def run() -> Points:
            return points(process.run([PYTHON, WORKER, "history", running.base_url(), str(PAGES)]))

        row = Row(
            name="scale-history",
            title=f"Python, a history of {PAGES:,} pages of 20 entries, to its end",
            unit="ratio, MB",
            contenders={},
            goals=[],
            rounds=ROUNDS,
            axes=("pages", ""),
        )
        yield flat(row, run)


@contextlib.contextmanager
def threads() -> Iterator[Row]:
    with server.server() as running:

        def contender(count: int) -> Callable[[], float]:
            rate = send_python.contender(running, f"threads:{count}", "flowai", MESSAGES, count)

            def measure() -> float:
                value = rate()
                curve = [point for point in row.curves.get("messages/s", []) if point[0] != count]
                row.curves = {"messages/s": sorted([*curve, (count, value)])}
                return value

            return measure

        names = {count: f"{count} thread{'s' * (count > 1)}" for count in THREADS}
        row = Row(
            name="scale-threads",
            title="Python, one client, more and more threads",
            unit="messages/s",
            contenders={name: contender(count) for count, name in names.items()},
            reference=names[1],
            goals=[Ratio(names[64], names[16], at_least=0.8)],
            axes=("threads", ""),
        )
        yield row


ROWS = [sends, events, history, threads]
