"""Understanding a webhook call: parse a reply of 1.7 KB, and read its type, thread and text."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from harness import process
from harness.place import BENCH, PINNED, PYTHON
from harness.row import Ratio, Row

PEERS = ("flowai", "msgspec", "orjson", "json", "pydantic")


def contender(peer: str) -> Callable[[], float]:
    command = [*PINNED, str(PYTHON), str(BENCH / "workers" / "parse.py"), peer]
    return lambda: float(process.run(command)["nanoseconds"])


@contextlib.contextmanager
def parse() -> Iterator[Row]:
    yield Row(
        name="parse",
        title="parse a reply of 1.7 KB and read three of its fields",
        unit="ns of CPU",
        contenders={peer: contender(peer) for peer in PEERS},
        reference="msgspec",
        goals=[Ratio("flowai", "msgspec", at_most=0.45)],
    )


ROWS = [parse]
