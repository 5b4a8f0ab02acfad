"""Does one thing very often, and prints what each part of it cost.

    scale.py sends BASE_URL COUNT        messages, one after another
    scale.py history BASE_URL PAGES      a history, page by page
    scale.py events FOLDER COUNT LOAD    webhook calls into an inbox, and out of it again; LOAD is who calls

The last line has points: how many there were, the microseconds of CPU that each of them took since the point
before, and the memory of the process in MB.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import flowai
import peers

POINTS = 40
PAGE = 20


class Account:
    def __init__(self, count: int) -> None:
        self.block = count // POINTS
        self.points: list[tuple[int, float, float]] = []
        self.spent = time.process_time()

    def after(self, done: int) -> None:
        if done % self.block == 0:
            now = time.process_time()
            self.points.append((done, (now - self.spent) / self.block * 1e6, memory()))
            self.spent = now


def memory() -> float:
    """Return what this process has in memory now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def sends(base_url: str, count: int) -> Iterator[int]:
    send = peers.flowai(base_url, None)
    for number in range(count):
        send(number)
        yield number + 1


def history(base_url: str, count: int) -> Iterator[int]:
    client = flowai.Client(peers.KEY, base_url=base_url)
    entries = 0
    for entry in client.iter_history("thread-1"):
        page, place = divmod(entries, PAGE)
        if entry.messages[0].fallback != f"entry {page + 1}-{place}":
            raise SystemExit(f"{entry} is not what comes after {entries} entries")
        entries += 1
        if entries % PAGE == 0:
            yield entries // PAGE
    if entries != count * PAGE:
        raise SystemExit(f"{entries} entries")


def events(folder: str, count: int) -> Iterator[int]:
    verifier = flowai.Verifier.header("x-webhook-secret", peers.KEY)
    block = count // POINTS
    with (
        flowai.Inbox.open(Path(folder) / "inbox.db") as inbox,
        flowai.Receiver(inbox, verifier=verifier) as receiver,
    ):
        numbered = 0
        while numbered < count:
            numbers = ["--port", str(receiver.port), "--first", str(numbered), "--calls", str(block)]
            subprocess.run(
                [sys.argv[4], *numbers, "--milliseconds", "300000"], check=True, capture_output=True
            )
            for number, delivery in enumerate(itertools.islice(inbox, block), numbered + 1):
                with delivery:
                    if not delivery.event.text:
                        raise SystemExit(f"{delivery.event} says nothing")
                yield number
            numbered += block


def main() -> None:
    mode, where, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    account = Account(count)
    for done in {"sends": sends, "history": history, "events": events}[mode](where, count):
        account.after(done)
    print(json.dumps({"points": account.points}))


if __name__ == "__main__":
    main()
