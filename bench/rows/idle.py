"""Connections that the server closes while they are idle: messages 45 ms apart to one that waits 20 ms."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from harness import process
from harness.place import BENCH, PYTHON
from harness.row import Median, Row


def errors(peer: str) -> Callable[[], float]:
    return lambda: process.run([PYTHON, BENCH / "workers" / "idle.py", peer])["errors"]


@contextlib.contextmanager
def idle() -> Iterator[Row]:
    yield Row(
        name="idle",
        title="errors of 200 messages, 45 ms apart, to a server that closes after 20 ms",
        unit="errors",
        contenders={"flowai": errors("flowai"), "ry": errors("ry"), "wreq": errors("wreq")},
        goals=[Median("flowai", at_most=0)],
        rounds=1,
    )


ROWS = [idle]
