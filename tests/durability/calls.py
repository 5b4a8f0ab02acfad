"""Webhook calls, as Flow.ai makes them: what was not acknowledged is sent again."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterable, Sequence


def body(key: str, thread: str, size: int = 0) -> bytes:
    """A reply with an identity: the id of its message."""
    message = {"fallback": key, "meta": {"msgId": key}, "filler": "x" * size, "responses": []}
    event = {"type": "message.reply", "threadId": thread, "messages": [message]}
    return json.dumps(event).encode()


class Caller:
    """A connection to the receiver; opened anew after it was lost."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._port, self._source = port, source
        self._connection: http.client.HTTPConnection | None = None

    def call(self, content: bytes) -> int | None:
        """The status of the answer; nothing when there was none."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=30, source_address=(self._source, 0)
            )
        try:
            self._connection.request("POST", "/hook", content, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            self.close()
            return None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Calls:
    """Several callers at once; each makes one call after the other, and stops when there is no answer."""

    def __init__(
        self,
        port: int,
        calls: Iterable[tuple[str, bytes]],
        callers: int,
        on_answer: Callable[[str, int], None],
    ) -> None:
        self._port, self._on_answer = port, on_answer
        everything = list(calls)
        self._threads = [
            threading.Thread(target=self._make, args=(everything[n::callers],), daemon=True)
            for n in range(callers)
        ]
        for thread in self._threads:
            thread.start()

    def _make(self, calls: Sequence[tuple[str, bytes]]) -> None:
        caller = Caller(self._port)
        for key, content in calls:
            status = caller.call(content)
            if status is None:
                break
            self._on_answer(key, status)
        caller.close()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
