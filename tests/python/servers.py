"""Web servers with an application, each in a process of its own, and calls to them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples" / "python"
LIMIT = 60.0


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class WebServer:
    """uvicorn or gunicorn, at a free port of this machine."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.log: list[str] = []
        paths = os.pathsep.join([str(HERE), str(EXAMPLES)])
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", **environment},
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        found = self.wait_for(r"http://127\.0\.0\.1:(\d+)")
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"
        wait_until(self._answers, self.text)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)

    def _answers(self) -> bool:
        # gunicorn listens before its workers can answer, and workers of uvicorn listen later than it says.
        with contextlib.suppress(ConnectionRefusedError):
            return self.call("GET", "/webhook").status in (200, 307)
        return False

    def text(self) -> str:
        return "".join(self.log)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Waits until the server has written something."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            assert self.process.poll() is None, self.text()
            found.extend(re.finditer(pattern, self.text()))
            return bool(found)

        wait_until(look, self.text)
        return found[0]

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            lines = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, lines, response.read())
        finally:
            connection.close()

    def raw(self, *pieces: bytes, hang_up: bool = False) -> bytes:
        """Sends bytes, and gives the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT) as connection:
            # A server that has heard enough answers, and does not read the rest.
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                for piece in pieces:
                    connection.sendall(piece)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while not hang_up and (piece := connection.recv(65536)):
                    answer += piece
                    head, end, body = answer.partition(b"\r\n\r\n")
                    length = re.search(rb"(?i)content-length: (\d+)", head)
                    if end and length and len(body) >= int(length[1]):
                        break
            return answer

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.reader.join(LIMIT)
            assert self.process.stdout is not None
            self.process.stdout.close()


def uvicorn(application: str, *options: str, **environment: str) -> WebServer:
    return WebServer("uvicorn", application, "--port", "0", *options, **environment)


def gunicorn(application: str, *options: str, **environment: str) -> WebServer:
    return WebServer("gunicorn", "--bind", "127.0.0.1:0", *options, application, **environment)


def wait_until(done: Callable[[], object], describe: Callable[[], str] = str) -> None:
    end = time.monotonic() + LIMIT
    while not done():
        assert time.monotonic() < end, f"not within {LIMIT} s\n{describe()}"
        time.sleep(0.02)


def event(kind: str, thread_id: str = "t", **fields: object) -> bytes:
    return json.dumps({"type": kind, "threadId": thread_id, **fields}).encode()


def reply(thread_id: str, text: str, message_id: str | None = None) -> bytes:
    message: dict[str, object] = {"fallback": text, "responses": []}
    if message_id is not None:
        message["meta"] = {"msgId": message_id}
    return event("message.reply", thread_id, messages=[message])
