"""Messages from C: how fast, and what each costs in system calls and instructions."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import process, server
from harness.place import C_PROGRAMS, PINNED
from harness.row import Median, Ratio, Row

WARM_UP = 200
COUNT = 10_000
FEW, MANY = 300, 1300


def command(running: server.Server, program: str, *, tls: bool = False, close: bool = False) -> list[str]:
    base_url = running.base_url(tls=tls, close=close)
    addresses = {
        "flowai": base_url,
        "libcurl": f"{base_url}messages/thread-1",
        "socket": str(running.ports["plain"]),
    }
    return [str(C_PROGRAMS / program), addresses[program]]


def contender(running: server.Server, program: str, *, tls: bool = False) -> Callable[[], float]:
    authority = [str(running.authority)] if tls else []
    start = [*PINNED, *command(running, program, tls=tls)]

    def measure() -> float:
        with running.expecting(WARM_UP + COUNT, 1):
            told = process.run([*start, str(WARM_UP), str(COUNT), *authority])
        return COUNT / float(told["seconds"])

    return measure


@contextlib.contextmanager
def sequential() -> Iterator[Row]:
    with server.server(PINNED) as running:
        yield Row(
            name="c",
            title="C, one message after another, client and server on one CPU",
            unit="messages/s",
            contenders={program: contender(running, program) for program in ("flowai", "libcurl", "socket")},
            reference="libcurl",
            goals=[Ratio("flowai", "libcurl", at_least=1.3)],
        )


def per_message(count_of: Callable[[int], float]) -> Callable[[], float]:
    """What one message costs: the difference of two runs, so that starting up does not count."""

    def measure() -> float:
        return (count_of(MANY) - count_of(FEW)) / (MANY - FEW)

    return measure


def traced(running: server.Server, program: str, calls: str = "") -> Callable[[], float]:
    """System calls of a message, as strace counts them: all, or those of one name."""

    def count(messages: int) -> float:
        with tempfile.NamedTemporaryFile("r") as summary:
            tracing = ["strace", "-f", "-c", "-o", summary.name, *command(running, program)]
            process.run([*tracing, "0", str(messages)])
            total = 0
            for line in summary:
                found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
                if found and found[2] != "total" and calls in ("", found[2]):
                    total += int(found[1])
            return total

    return per_message(count)


def instructions(running: server.Server, program: str) -> Callable[[], float]:
    """Instructions of a message in the program itself, as callgrind counts them."""

    def count(messages: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            grind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={Path(folder) / 'out'}"]
            done = subprocess.run(
                [*grind, *command(running, program), "0", str(messages)],
                env=process.clean_environment(),
                capture_output=True,
                text=True,
                timeout=process.LIMIT,
            )
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode != 0 or found is None:
            raise RuntimeError(done.stdout + done.stderr)
        return int(found[1])

    return per_message(count)


@contextlib.contextmanager
def system_calls() -> Iterator[Row]:
    with server.server() as running:
        yield Row(
            name="c-syscalls",
            title="C, system calls of a message (strace)",
            unit="calls",
            contenders={
                "flowai": traced(running, "flowai"),
                "flowai futex": traced(running, "flowai", "futex"),
                "libcurl": traced(running, "libcurl"),
                "socket": traced(running, "socket"),
            },
            goals=[Median("flowai", at_most=4), Median("flowai futex", at_most=0)],
            rounds=1,
        )


@contextlib.contextmanager
def counted_instructions() -> Iterator[Row]:
    with server.server() as running:
        yield Row(
            name="c-instructions",
            title="C, instructions of a message (callgrind)",
            unit="instructions",
            contenders={
                program: instructions(running, program) for program in ("flowai", "libcurl", "socket")
            },
            goals=[],
            rounds=1,
        )


ROWS = [sequential, system_calls, counted_instructions]
