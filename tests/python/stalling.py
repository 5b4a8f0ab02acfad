"""A server that never answers, on the loop of its test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import flowai
from vectors import KEY

SOON = 5.0  # generous on a busy machine
LONG = 30.0


class Stalling:
    """A server that never answers, and knows when its callers have gone."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.gone = asyncio.Event()
        self.port = 0
        self.open = 0
        self.talks: dict[asyncio.Task[object], asyncio.StreamWriter] = {}

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        task = asyncio.current_task()
        assert task is not None
        self.talks[task] = writer
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
            self.came.set()
            while await reader.read(65536):
                pass
        self.open -= 1
        self.gone.set()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[flowai.AsyncClient]:
        listening = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        try:
            yield flowai.AsyncClient(KEY, base_url=f"http://127.0.0.1:{self.port}/", timeout=LONG)
        finally:
            listening.close()
            for writer in self.talks.values():
                writer.transport.abort()
            if self.talks:
                await asyncio.wait(self.talks, timeout=SOON)
