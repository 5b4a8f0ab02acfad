"""A file of 245 MB is uploaded at constant memory, and arrives whole."""

from __future__ import annotations

import hashlib
import re
import resource
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

import flowai
from children import call
from vectors import KEY

MIB = 1024 * 1024
SIZE = 245 * MIB
MOST_GROWTH = 8 * MIB
BLOCK = bytes(range(256)) * (MIB // 256)


def block(number: int) -> bytes:
    """A megabyte unlike every other, so that none can be lost, doubled or swapped unnoticed."""
    return number.to_bytes(8, "big") + BLOCK[8:]


class Generated:
    """A file object that is made while it is read: no name, no number, no way to go back."""

    def __init__(self, blocks: int) -> None:
        self.blocks = iter(range(blocks))
        self.rest = b""

    def read(self, size: int = -1) -> bytes:
        if not self.rest:
            number = next(self.blocks, None)
            self.rest = b"" if number is None else block(number)
        piece, self.rest = self.rest[:size], self.rest[size:]
        return piece


class Uploads(socketserver.StreamRequestHandler):
    """Reads forms of one file, hashing its bytes as they come."""

    server: Listening

    def handle(self) -> None:
        while self.rfile.readline():
            headers = dict(self._headers())
            found = re.search(rb'boundary="?([^";]+)', headers[b"content-type"])
            assert found is not None
            if b"content-length" in headers:
                pieces = self._sized(int(headers[b"content-length"]))
            else:
                pieces = self._chunked()
            self.server.seen.append(_file_of(pieces, b"\r\n--" + found[1]))
            answer = b'{"status":"ok"}'
            head = (
                f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
            )
            self.wfile.write(head.encode() + answer)

    def _headers(self) -> Iterator[tuple[bytes, bytes]]:
        while line := self.rfile.readline().strip():
            name, _, value = line.partition(b":")
            yield name.lower(), value.strip()

    def _sized(self, length: int) -> Iterator[bytes]:
        while length and (piece := self.rfile.read1(min(length, MIB))):
            length -= len(piece)
            yield piece

    def _chunked(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield from self._sized(size)
            self.rfile.readline()
        self.rfile.readline()


def _file_of(pieces: Iterator[bytes], end: bytes) -> tuple[int, str]:
    """The size and SHA-256 of the part named file."""
    start = b""
    for piece in pieces:
        start += piece
        if found := re.search(rb'name="?file"?.*?\r\n\r\n', start, re.DOTALL):
            break
    else:
        raise AssertionError("there is no file in the form")
    held = start[found.end() :]
    digest, size = hashlib.sha256(), 0
    while (place := held.find(end)) < 0:
        ready = max(len(held) - len(end), 0)
        digest.update(held[:ready])
        size += ready
        held = held[ready:] + next(pieces)
    digest.update(held[:place])
    for _ in pieces:
        pass
    return size + place, digest.hexdigest()


class Listening(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Uploads)
        self.seen: list[tuple[int, str]] = []


@contextmanager
def listening() -> Iterator[Listening]:
    with Listening() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def peak(from_now: bool) -> int:
    """The most memory that was in use, in bytes; on Linux since the last call with `from_now`."""
    status = Path("/proc/self/status")
    if not status.exists():
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    if from_now:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    assert found is not None
    return int(found[1]) * 1024


def write(file: IO[bytes], blocks: int) -> None:
    for number in range(blocks):
        file.write(block(number))


def upload(base_url: str, form: str, folder: str) -> dict[str, Any]:
    """The growth of the peak over a small upload of the same form."""
    client = flowai.Client(KEY, base_url=base_url)
    path = Path(folder, "large.bin")
    reports: list[tuple[int, int | None]] = []

    def send(blocks: int) -> None:
        options: dict[str, Any] = {"filename": "x.bin", "progress": lambda *report: reports.append(report)}
        if form == "generated":
            client.upload_media("t", Generated(blocks), **options)
        else:
            with path.open("wb") as file:
                write(file, blocks)
            if form == "path":
                client.upload_media("t", path, **options)
            else:
                with path.open("rb") as file:
                    client.upload_media("t", file, **options)

    send(2)
    reports.clear()
    before = peak(from_now=True)
    send(SIZE // MIB)
    growth = peak(from_now=False) - before
    path.unlink(missing_ok=True)
    return {"growth": growth, "last": reports[-1], "reports": len(reports)}


def expected(blocks: int) -> tuple[int, str]:
    digest = hashlib.sha256()
    for number in range(blocks):
        digest.update(block(number))
    return blocks * MIB, digest.hexdigest()


@pytest.mark.parametrize("form", ["path", "object", "generated"])
def test_memory(form: str, tmp_path: Path) -> None:
    with listening() as server:
        base_url = f"http://127.0.0.1:{server.server_address[1]}/rest/v1/"
        seen = call(upload, base_url, form, str(tmp_path), limit=300)
    assert server.seen == [expected(2), expected(SIZE // MIB)]
    assert seen["growth"] <= MOST_GROWTH, f"{seen['growth'] / MIB:.1f} MiB"
    done, total = seen["last"]
    assert done >= SIZE
    assert total is None if form == "generated" else total >= SIZE
    assert seen["reports"] > 3


def test_the_measure_notices_memory() -> None:
    """A file that is held in memory would be seen."""
    assert call(hold, limit=60)["growth"] > MOST_GROWTH


def hold() -> dict[str, Any]:
    before = peak(from_now=True)
    held = b"x" * (SIZE // 4)
    return {"growth": peak(from_now=False) - before, "held": len(held)}
