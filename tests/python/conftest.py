"""What the tests of the Python package have in common."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

import flowai
from loops import run as run
from tries import FIGURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "a secret that has thirty-two bytes"


@pytest.fixture
def sandbox() -> Iterator[flowai.Sandbox]:
    with flowai.Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: flowai.Sandbox) -> Iterator[flowai.Client]:
    with sandbox.client() as client:
        yield client


@pytest.fixture
def loop(sandbox: flowai.Sandbox) -> Iterator[tuple[flowai.Client, flowai.Receiver, flowai.Sandbox]]:
    """The whole way round: a client, and a receiver that the sandbox calls."""
    verifier = flowai.Verifier.jwt(sandbox.webhook_secret)
    with flowai.Receiver(verifier=verifier) as receiver, sandbox.client() as client:
        sandbox.set_webhook(receiver.url)
        yield client, receiver, sandbox


class Server:
    """An HTTP server that answers as a test says and remembers what it was asked."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append((self.command, self.path, headers, body))
                answer(self, body)

            do_GET = do_DELETE = do_POST  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self.server.server_port}/rest/v1/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def client(self, **options: object) -> flowai.Client:
        return flowai.Client("MY_MESSAGING_API_KEY", base_url=self.base_url, **options)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


def reply(
    status: int = 200, body: bytes = b'{"status": "ok"}', headers: dict[str, str] | None = None
) -> Callable[[BaseHTTPRequestHandler, bytes], None]:
    """An answer that is always the same."""

    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test."""
    servers: list[Server] = []

    def start(answer: Callable[[BaseHTTPRequestHandler, bytes], None] | None = None) -> Server:
        server = Server(answer or reply())
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.write_line("\n" + "\n".join(FIGURES))
