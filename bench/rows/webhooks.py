"""Receiving webhook calls: 64 connections, each event committed to the disk before its call is answered."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import process
from harness.place import BENCH, PROGRAMS, PYTHON, RESULTS
from harness.row import Ratio, Row

MILLISECONDS = "3000"


def ours(folder: Path, *, durable: bool, figure: str) -> Callable[[], float]:
    def measure() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            inbox = ["--inbox", str(Path(place) / "inbox.db")] if durable else []
            with process.started([PROGRAMS / "bench-receive", *inbox]) as (ready, receiver):
                told = load(ready["port"])
                assert receiver.stdin is not None
                assert receiver.stdout is not None
                if durable:
                    receiver.stdin.close()
                    stored = json.loads(receiver.stdout.readline())["stored"]
                    # What was answered is there, and so may be what was under way at the end.
                    if not told["calls"] <= stored <= told["calls"] + 64:
                        raise RuntimeError(f"{told['calls']} calls were answered, {stored} events are stored")
        return float(told[figure])

    return measure


def load(port: int) -> dict[str, float]:
    command = [PROGRAMS / "bench-load", "--port", str(port), "--milliseconds", MILLISECONDS]
    return process.run(command)


def peer(name: str) -> Callable[[], float]:
    def measure() -> float:
        with process.started([PYTHON, BENCH / "workers" / "receive.py", name]) as (ready, receiver):
            wait_for(ready["port"])
            told = load(ready["port"])
            receiver.terminate()
        return float(told["per_second"])

    return measure


def wait_for(port: int) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", b"{}", method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + 30
    while True:
        try:
            opener.open(request, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@contextlib.contextmanager
def rates() -> Iterator[Row]:
    RESULTS.mkdir(parents=True, exist_ok=True)
    yield Row(
        name="receive",
        title="webhook calls received, 64 connections",
        unit="calls/s",
        contenders={
            "flowai": ours(RESULTS, durable=True, figure="per_second"),
            "flowai in memory": ours(RESULTS, durable=False, figure="per_second"),
            "aiohttp.web": peer("aiohttp"),
            "FastAPI": peer("fastapi"),
        },
        reference="aiohttp.web",
        goals=[
            Ratio("flowai", "aiohttp.web", at_least=4),
            Ratio("flowai", "flowai in memory", at_least=0.6),
        ],
        note="flowai commits each event and compares a secret; the peers keep nothing and compare none.",
    )


@contextlib.contextmanager
def latencies() -> Iterator[Row]:
    RESULTS.mkdir(parents=True, exist_ok=True)

    def disk() -> float:
        with tempfile.NamedTemporaryFile(dir=RESULTS) as file:
            told = process.run(
                [PROGRAMS / "bench-load", "--fsync", file.name, "--milliseconds", MILLISECONDS]
            )
        return float(told["p99"]) * 1000

    durable = ours(RESULTS, durable=True, figure="p99")
    yield Row(
        name="receive-p99",
        title="how long 99 of 100 durable webhook calls take at most, 64 connections",
        unit="ms",
        contenders={"flowai": lambda: durable() * 1000, "fsync of this disk": disk},
        reference="fsync of this disk",
        goals=[Ratio("flowai", "fsync of this disk", at_most=4)],
    )


ROWS = [rates, latencies]
