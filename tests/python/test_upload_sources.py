"""Uploads from iterators and from files whose reads are awaited, and bars that show how far they are."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import flowai
from children import call
from loops import Run
from test_upload_memory import MIB, MOST_GROWTH, SIZE, block, expected, listening, peak
from vectors import KEY

PIECES = [b"a" * 10, b"", bytearray(b"b" * 300_000), memoryview(b"c"), b"d" * 700_000]
LENGTH = 10 + 300_000 + 1 + 700_000


class AwaitedFile:
    """A file whose methods are coroutine functions, as those of aiofiles and anyio."""

    name = "folder/notes.txt"

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces
        self.threads: set[int] = set()

    async def read(self, _size: int = -1) -> bytes:
        self.threads.add(threading.get_ident())
        await asyncio.sleep(0)
        return next(self.pieces, b"")

    async def seekable(self) -> bool:
        return True

    async def seek(self, _offset: int, _whence: int = 0) -> int:
        raise AssertionError

    tell = seek


async def awaited_pieces() -> AsyncIterator[Any]:
    for piece in PIECES:
        await asyncio.sleep(0)
        yield piece


def test_iterables_of_bytes(sandbox: flowai.Sandbox, client: flowai.Client) -> None:
    told: list[tuple[int, int | None]] = []
    for given in (PIECES, iter(PIECES), (piece for piece in PIECES), tuple(PIECES)):
        client.upload_media("t", given, filename="a", progress=lambda *now: told.append(now))
        assert told[-1] == (LENGTH, None)
    client.upload_media("t", [], filename="empty")
    assert [request.file.length for request in sandbox.requests] == [LENGTH] * 4 + [0]
    assert len({request.file.sha256 for request in sandbox.requests[:4]}) == 1
    for wrong in (["text"], [3], [None], range(3)):
        with pytest.raises(TypeError, match="give bytes"):
            client.upload_media("t", wrong, filename="a")

    def broken() -> Iterator[bytes]:
        yield b"x" * 10
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        client.upload_media("t", broken(), filename="a")


def test_what_cannot_be_awaited_is_refused(sandbox: flowai.Sandbox, client: flowai.Client) -> None:
    with pytest.raises(TypeError, match="AsyncClient"):
        client.upload_media("t", awaited_pieces())
    with pytest.raises(TypeError, match="AsyncClient awaits them"):
        client.upload_media("t", AwaitedFile(iter([b"x"])))

    async def progress(_done: int, _total: int | None) -> None:
        pass

    with pytest.raises(TypeError, match="progress must not be a coroutine function"):
        client.upload_media("t", b"x", progress=progress)

    async def main() -> None:
        async with flowai.AsyncClient(sandbox.api_key, base_url=sandbox.base_url) as awaited:
            with pytest.raises(TypeError, match="progress must not be a coroutine function"):
                await awaited.upload_media("t", b"x", progress=progress)

    asyncio.run(main())
    gc.collect()


def test_what_progress_returns_does_not_matter(client: flowai.Client) -> None:
    assert client.upload_media("t", b"x", progress=lambda *_: False).status == "ok"


def test_awaited_sources(sandbox: flowai.Sandbox, run: Run) -> None:
    async def main() -> None:
        async with flowai.AsyncClient(sandbox.api_key, base_url=sandbox.base_url) as client:
            file = AwaitedFile(bytes(piece) for piece in PIECES if piece)
            for given in (PIECES, (piece for piece in PIECES), awaited_pieces(), file):
                told: list[tuple[int, int | None]] = []
                name = None if given is file else "a"
                await client.upload_media(
                    "t", given, filename=name, progress=lambda *now, to=told: to.append(now)
                )
                assert told[-1] == (LENGTH, None)
            assert file.threads == {threading.get_ident()}

            async def broken() -> AsyncIterator[bytes]:
                yield b"x" * 10
                raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await client.upload_media("t", broken(), filename="a")
            with pytest.raises(TypeError, match="give bytes"):
                await client.upload_media("t", [None], filename="a")

            stopped = asyncio.Event()

            async def endless() -> AsyncIterator[bytes]:
                try:
                    yield b"x"
                    await asyncio.sleep(60)
                finally:
                    stopped.set()

            class StopIt(Exception):
                pass

            def progress(done: int, _total: int | None) -> None:
                if done:
                    raise StopIt

            # What is being read is cancelled when the upload ends.
            with pytest.raises(StopIt):
                await client.upload_media("t", endless(), filename="a", progress=progress)
            await asyncio.wait_for(stopped.wait(), 10)
            stopped.clear()
            task = asyncio.ensure_future(client.upload_media("t", endless(), filename="a"))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(stopped.wait(), 10)

    run(main)
    files = [request.file for request in sandbox.requests if request.file and request.status == 200]
    assert [file.length for file in files] == [LENGTH] * 4
    assert len({file.sha256 for file in files}) == 1
    assert files[-1].name == "notes.txt"


def upload(base_url: str, form: str) -> dict[str, Any]:
    """The growth of the peak over a small upload of the same form."""
    reports: list[tuple[int, int | None]] = []
    options: dict[str, Any] = {"filename": "x.bin", "progress": lambda *report: reports.append(report)}

    async def awaited(blocks: int) -> AsyncIterator[bytes]:
        for number in range(blocks):
            yield block(number)

    async def main(blocks: int) -> None:
        async with flowai.AsyncClient(KEY, base_url=base_url) as client:
            await client.upload_media("t", awaited(blocks), **options)

    def send(blocks: int) -> None:
        if form == "iterator":
            with flowai.Client(KEY, base_url=base_url) as client:
                client.upload_media("t", (block(number) for number in range(blocks)), **options)
        else:
            asyncio.run(main(blocks))

    send(2)
    before = peak(from_now=True)
    send(SIZE // MIB)
    return {"growth": peak(from_now=False) - before, "last": reports[-1]}


@pytest.mark.parametrize("form", ["iterator", "asynchronous iterator"])
def test_memory(form: str) -> None:
    with listening() as server:
        seen = call(upload, f"http://127.0.0.1:{server.server_address[1]}/rest/v1/", form, limit=300)
    assert server.seen == [expected(2), expected(SIZE // MIB)]
    assert seen["growth"] <= MOST_GROWTH, f"{seen['growth'] / MIB:.1f} MiB"
    assert seen["last"] == [SIZE, None]
