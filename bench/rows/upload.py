"""A file of 249 MB: how fast it goes, and what memory it takes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import process, server
from harness.place import BENCH, PYTHON, RESULTS
from harness.row import Median, Ratio, Row

MIB = 1024 * 1024
SIZE = 249 * MIB


def a_file() -> Path:
    """Make the file once: its bytes do not compress, and none is a hole."""
    path = RESULTS / "upload.bin"
    RESULTS.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.stat().st_size != SIZE:
        block = bytes(range(251)) * (MIB // 251 + 1)
        with path.open("wb") as file:
            for number in range(SIZE // MIB):
                file.write(number.to_bytes(8, "big") + block[8:MIB])
    return path


@contextlib.contextmanager
def checked(running: server.Server, uploads: int) -> Iterator[None]:
    running.counts("reset")
    yield
    counts = running.counts()
    if counts["uploads"] != uploads or counts["bad"] or not SIZE < counts["uploaded_bytes"] < SIZE + 4096:
        raise RuntimeError(f"the file did not arrive whole: {counts}")


def ours(running: server.Server, figure: str) -> Callable[[], float]:
    def measure() -> float:
        # A small one comes before it.
        with checked(running, uploads=2):
            told = process.run([PYTHON, BENCH / "workers" / "upload.py", running.base_url(), str(a_file())])
        return float(told[figure])

    return measure


def curl(running: server.Server) -> Callable[[], float]:
    def measure() -> float:
        command = ["curl", "-sS", "-H", "Authorization: Bearer MY_MESSAGING_API_KEY", "-H", "Expect:"]
        message = json.dumps({"payload": {"type": "media", "mediaType": "file"}})
        command += ["-F", f"file=@{a_file()};type=application/octet-stream", "-F", f"message={message}"]
        began = time.perf_counter()
        with checked(running, uploads=1):
            subprocess.run(
                [*command, f"{running.base_url()}messages/thread-1"],
                env=process.clean_environment(),
                stdout=subprocess.DEVNULL,
                check=True,
            )
            seconds = time.perf_counter() - began
        return SIZE / MIB / seconds

    return measure


@contextlib.contextmanager
def throughput() -> Iterator[Row]:
    with server.server() as running:
        yield Row(
            name="upload",
            title="Python, a file of 249 MB",
            unit="MiB/s",
            contenders={"flowai": ours(running, "rate"), "curl": curl(running)},
            reference="curl",
            goals=[Ratio("flowai", "curl", at_least=1)],
            note="curl is timed with its start, flowai without that of Python.",
        )


@contextlib.contextmanager
def memory() -> Iterator[Row]:
    with server.server() as running:
        yield Row(
            name="upload-memory",
            title="Python, how much memory grows while a file of 249 MB is uploaded",
            unit="MiB",
            contenders={"flowai": ours(running, "growth")},
            goals=[Median("flowai", at_most=4)],
        )


ROWS = [throughput, memory]
