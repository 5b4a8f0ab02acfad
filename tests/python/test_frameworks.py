"""Webhooks in real web frameworks, under real servers."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import flowai
from children import locked
from conftest import SECRET
from servers import LIMIT, Answer, WebServer, event, gunicorn, reply, uvicorn, wait_until
from test_events import token

GOOD = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}


class App:
    """A server with the application of web_apps, and what its functions have handled."""

    def __init__(self, server: WebServer, log: Path) -> None:
        self.server, self.log = server, log

    def post(self, body: bytes, headers: dict[str, str] | None = None, path: str = "/webhook") -> Answer:
        return self.server.call("POST", path, body, GOOD if headers is None else headers)

    def handled(self) -> list[str]:
        """What was handled, without the process that did."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.partition(" ")[2] for line in lines]


@pytest.fixture(scope="module", params=["uvicorn", "gunicorn", "gunicorn with threads"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    log = tmp_path_factory.mktemp("app") / "log"
    if request.param == "uvicorn":
        server = uvicorn("web_apps:asgi", WEB_LOG=str(log))
    else:
        threads = ["--threads", "4"] if "threads" in request.param else []
        server = gunicorn("web_apps:wsgi", *threads, WEB_LOG=str(log))
    yield App(server, log)
    server.stop()


def message(answer: Answer) -> str:
    document = json.loads(answer.body)
    assert document["status"] == ("ok" if answer.status == 200 else "error")
    text: str = document.get("message", "")
    return text


def test_a_call_is_answered_once_its_events_are_handled(app: App) -> None:
    before = len(app.handled())
    answer = app.post(reply("t1", "Hello"))
    assert (answer.status, answer.body) == (200, b'{"status":"ok"}')
    assert answer.headers["content-type"] == "application/json"
    assert app.handled()[before:] == ["reply t1 Hello"]
    for body in (event("paused", "t2"), event("something.new"), b'{"type": "resumed", "threadId": "t2"}'):
        assert app.post(body).status == 200
    assert app.handled()[before + 1 :] == ["paused t2", "other something.new", "resumed t2"]


def test_the_path_is_the_business_of_whoever_mounts(app: App) -> None:
    assert app.post(reply("t", "anywhere"), path="/any/where?x=%00").status == 200
    assert app.handled()[-1] == "reply t anywhere"


def test_arrays_are_handled_in_order(app: App) -> None:
    before = len(app.handled())
    bodies = [reply("t", "one"), event("paused", "t"), reply("t", "two")]
    assert app.post(b"[" + b",".join(bodies) + b"]").status == 200
    assert app.handled()[before:] == ["reply t one", "paused t", "reply t two"]
    assert app.post(b"[]").status == 200


def test_a_function_that_fails_has_the_call_repeated(app: App) -> None:
    before = len(app.handled())
    answer = app.post(
        b"[" + reply("t", "before") + b"," + reply("t", "fail") + b"," + reply("t", "after") + b"]"
    )
    assert (answer.status, message(answer)) == (500, "the events were not handled")
    assert b"purpose" not in answer.body
    assert app.post(event("paused", "fail")).status == 500
    # What comes after it is not handled before it.
    assert app.handled()[before:] == ["reply t before"]
    app.server.wait_for("ZeroDivisionError: on purpose")
    app.server.wait_for("LookupError: on purpose")


def test_a_webhook_is_asked_for(app: App) -> None:
    answer = app.server.call("GET", "/webhook")
    assert (answer.status, answer.body) == (200, b'{"status":"ok"}')
    answer = app.server.call("HEAD", "/webhook")
    assert (answer.status, answer.body) == (200, b"")
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = app.server.call(method, "/webhook", b"{}")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {token('another secret, of thirty-two bytes')}"},
        {"Authorization": f"Bearer {token(exp=time.time() - 3600)}"},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"Authorization": f"Bearer {token()}".swapcase()},
        {"Authorization": "\xff" * 5000},
        {"X-Access-Token": ""},
    ],
    ids=lambda headers: next(iter(headers.values()), "none")[:30],
)
def test_a_wrong_signature_is_refused_without_saying_why(app: App, headers: dict[str, str]) -> None:
    before = app.handled()
    answer = app.post(reply("t", "forged"), headers)
    assert answer.status == 401
    assert message(answer) == "the call does not prove that it comes from Flow.ai"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert app.handled() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"\xff\xfe",
        b'{"type": "paused"} x',
        b'"paused"',
        b"null",
        b'{"type": "paused", "type": "resumed"}',
        b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}",
        b"[" * 500_000,
        b'{"type": "\\ud800"}',
        reply("t", "cut")[:-5],
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_cannot_be_read_is_refused(app: App, body: bytes) -> None:
    before = app.handled()
    answer = app.post(body)
    assert (answer.status, message(answer) != "") == (400, True)
    assert app.handled() == before


def head(*lines: str) -> bytes:
    named = [f"Authorization: Bearer {token()}", "Host: a", *lines]
    return ("POST /webhook HTTP/1.1\r\n" + "".join(f"{line}\r\n" for line in named) + "\r\n").encode()


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1."), answer
    return int(answer.split()[1])


def test_a_large_body_is_refused_and_not_read(app: App) -> None:
    limit = 1 << 20
    fits = reply("t", "x" * 10).ljust(limit)
    assert app.post(fits).status == 200
    # What is announced is answered before the body comes.
    assert status(app.server.raw(head("Content-Length: 99999999999999999999"))) in (400, 413)
    assert status(app.server.raw(head("Content-Length: 1048577"))) == 413
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert status(app.server.raw(head("Transfer-Encoding: chunked"), *[chunk] * 20)) == 413


def test_chunked_bodies_are_read(app: App) -> None:
    body = reply("t", "in pieces")
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:7], body[7:9], body[9:]))
    answer = app.server.raw(head("Transfer-Encoding: chunked"), chunks + b"0\r\n\r\n")
    assert status(answer) == 200
    assert app.handled()[-1] == "reply t in pieces"


@pytest.mark.parametrize("lines", [("Content-Length: 500",), ("Transfer-Encoding: chunked",)], ids=str)
def test_a_client_that_hangs_up_has_said_nothing(app: App, lines: tuple[str, ...]) -> None:
    before = app.handled()
    whole = reply("t", "complete, but was there more?")
    piece = b"%x\r\n%b\r\n" % (len(whole), whole) if "chunked" in lines[0] else whole
    for body in (b"", piece[:10], piece):
        app.server.raw(head(*lines), body, hang_up=True)
        with socket.create_connection(("127.0.0.1", app.server.port), timeout=LIMIT) as connection:
            connection.sendall(head(*lines) + body)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
            assert answer == b"" or status(answer) == 400
    assert app.post(reply("t", "next")).status == 200
    assert app.handled() == [*before, "reply t next"]


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: x",),
        ("Content-Length: -1",),
        ("Content-Length: 3", "Content-Length: 4"),
    ],
    ids=str,
)
def test_a_length_that_makes_no_sense_is_refused(app: App, lines: tuple[str, ...]) -> None:
    before = app.handled()
    answer = app.server.raw(head(*lines), b"{}\n")
    assert status(answer) == 400
    assert app.handled() == before


def test_a_slow_function_holds_up_nobody_else(app: App) -> None:
    if app.server.text().count("gunicorn") and "gthread" not in app.server.text():
        pytest.skip("such a worker does one thing at a time")
    done = threading.Event()
    slow = threading.Thread(target=lambda: (app.post(reply("t", "slow")), done.set()))
    slow.start()
    answers = 0
    while not done.is_set():
        assert app.server.call("GET", "/webhook").status == 200
        answers += 1
    slow.join()
    assert answers > 2
    assert app.handled()[-1] == "reply t slow"


def test_lifespan_and_websockets(app: App) -> None:
    if "uvicorn" not in app.server.text().lower():
        pytest.skip("only ASGI has them")
    app.server.wait_for("Application startup complete")
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    answer = app.server.raw(f"GET / HTTP/1.1\r\nHost: a\r\n{upgrade}{key}\r\n".encode())
    # Without a library for them uvicorn treats it as any other GET.
    assert status(answer) in (200, 403)


# The examples: each framework, with the sandbox as the service.

FRAMEWORKS = {
    "fastapi": lambda env: uvicorn("fastapi_app:app", **env),
    "flask": lambda env: gunicorn("flask_app:app", "--threads", "4", **env),
    "django under gunicorn": lambda env: gunicorn("django_app:application", "--threads", "4", **env),
    "django under uvicorn": lambda env: uvicorn("django_app:asgi_application", **env),
}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_conversation(name: str) -> None:
    with flowai.Sandbox(webhook_secret=SECRET) as sandbox:
        env = {
            "FLOWAI_API_KEY": sandbox.api_key,
            "FLOWAI_BASE_URL": sandbox.base_url,
            "FLOWAI_WEBHOOK_SECRET": SECRET,
        }
        server = FRAMEWORKS[name](env)
        try:
            sandbox.set_webhook(f"{server.url}/webhook")
            for text in ("Hello", "Ünïcode & more"):
                query = urllib.parse.urlencode({"text": text})
                assert server.call("POST", f"/thread-1?{query}").status in (200, 204)
            wait_until(lambda: len(json.loads(server.call("GET", "/thread-1").body)) == 2, server.text)
            assert json.loads(server.call("GET", "/thread-1").body) == ["Hello", "Ünïcode & more"]
            assert sandbox.wait_delivered(LIMIT)
            states = [attempt.status for delivery in sandbox.deliveries for attempt in delivery.attempts]
            assert set(states) == {200}
            refused = server.call("POST", "/webhook", reply("thread-1", "forged"), {})
            assert refused.status == 401
            assert status(server.raw(head("Content-Length: 1048577"))) == 413
            assert server.call("POST", "/webhook", b"{", GOOD).status == 400
            assert server.call("PUT", "/webhook", b"", GOOD).status == 405
            assert len(json.loads(server.call("GET", "/thread-1").body)) == 2
        finally:
            server.stop()


# With an inbox behind.


def test_starlette_with_an_inbox(tmp_path: Path) -> None:
    """What was acknowledged is handled, even by the next process."""
    env = {"FLOWAI_INBOX": str(tmp_path / "inbox.db"), "FLOWAI_WEBHOOK_SECRET": SECRET}
    with flowai.Sandbox(webhook_secret=SECRET) as sandbox, sandbox.client() as client:
        server = uvicorn("starlette_app:app", **env)
        try:
            sandbox.set_webhook(f"{server.url}/webhook/")
            client.send_text("t", "Hello")
            server.wait_for("t: Hello")
            assert sandbox.wait_delivered(LIMIT)
            # Without its slash a mount is somewhere else, and nobody knows whether Flow.ai follows.
            assert server.call("POST", "/webhook", reply("t", "x"), GOOD).status == 307
            assert server.call("POST", "/webhook/", b"{", GOOD).status == 200
        finally:
            server.stop(signal.SIGKILL)
    with flowai.Inbox.open(env["FLOWAI_INBOX"]) as inbox:
        (dead,) = inbox.list(state="dead")
        assert inbox.show(dead.id)[1] == b"{"
        inbox.put(reply("t", "Again"))
    server = uvicorn("starlette_app:app", **env)
    try:
        server.wait_for("t: Again")
    finally:
        server.stop()
    assert "Application shutdown complete" in server.text()


def bodies(path: Path) -> list[bytes]:
    inbox = flowai.Inbox.attach(path)
    try:
        return [inbox.show(entry.id)[1] for entry in inbox.list(limit=1000)]
    finally:
        inbox.close()


STORING = {
    "uvicorn": lambda **env: uvicorn("web_apps:asgi", **env),
    "uvicorn with workers": lambda **env: uvicorn("web_apps:asgi", "--workers", "2", **env),
    "gunicorn": lambda **env: gunicorn("web_apps:wsgi", "--threads", "4", **env),
}


@pytest.mark.parametrize(
    ("server", "place"),
    [("uvicorn", "own:"), ("gunicorn", "own:"), *((server, "") for server in STORING)],
    ids=str,
)
def test_calls_are_acknowledged_once_they_are_stored(tmp_path: Path, server: str, place: str) -> None:
    path = tmp_path / "inbox.db"
    owner = None if place else flowai.Inbox.open(path)
    web = STORING[server](WEB_INBOX=f"{place}{path}", WEB_LOG=str(tmp_path / "log"))
    try:
        first, paused = reply("t", "Hello", "m1"), event("paused", "t")
        batch = b"[" + paused + b"," + event("resumed", "t") + b"]"
        for body in (first, first, batch, b"{", paused):
            assert web.call("POST", "/", body, GOOD).status == 200
        # The reply has an identity and is stored once.
        assert bodies(path) == [first, paused, event("resumed", "t"), b"{", paused]
        assert web.call("POST", "/", first, {}).status == 401
        assert status(web.raw(head("Content-Length: 1048577"))) == 413
        web.raw(head("Content-Length: 500"), paused, hang_up=True)
        assert web.call("GET", "/").status == 200
        assert len(bodies(path)) == 5
        assert not (tmp_path / "log").exists()
    finally:
        web.stop()
        if owner is not None:
            owner.close()


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_calls_are_repeated_while_they_cannot_be_stored(tmp_path: Path, server: str) -> None:
    path = tmp_path / "inbox.db"
    web = STORING[server](WEB_INBOX=str(path))
    try:
        answer = web.call("POST", "/", event("paused"), GOOD)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert message(answer) == "the events cannot be stored now"
        assert web.call("POST", "/", event("paused"), {}).status == 401
        web.wait_for("answered 503, since there is no inbox for them: .*inbox.db")
        with flowai.Inbox.open(path) as inbox:
            # As soon as there is one, calls are taken; nobody has to start anything anew.
            assert web.call("POST", "/", event("resumed"), GOOD).status == 200
            delivery = inbox.next(timeout=LIMIT)
            assert delivery is not None
            assert delivery.event.kind is flowai.EventKind.RESUMED
            delivery.ack()
            # Another process that has it locked for longer than anybody waits.
            with locked(path):
                assert web.call("POST", "/", event("paused"), GOOD).status == 503
            assert web.call("POST", "/", event("paused"), GOOD).status == 200
    finally:
        web.stop()


def test_gunicorn_with_preload_and_workers(tmp_path: Path) -> None:
    """Workers send with the client of their master, and store into the inbox of another process."""
    path = tmp_path / "inbox.db"
    with flowai.Sandbox(webhook_secret=SECRET) as sandbox, flowai.Inbox.open(path) as inbox:
        env = {
            "FLOWAI_API_KEY": sandbox.api_key,
            "FLOWAI_BASE_URL": sandbox.base_url,
            "WEB_INBOX": str(path),
        }
        options = ["--preload", "--workers", "3", "--threads", "2"]
        web = gunicorn("web_apps:preloaded", *options, **env)
        try:
            master = web.process.pid
            answers: list[tuple[int, ...]] = []

            def several_have_sent() -> bool:
                with ThreadPoolExecutor(20) as pool:
                    calls = [pool.submit(web.call, "GET", f"/send/worker-{n}") for n in range(60)]
                answers.extend(tuple(map(int, call.result().body.split())) for call in calls)
                return len({worker for worker, _, _ in answers}) > 1

            # On a busy machine one worker may be quick enough for all of them.
            wait_until(several_have_sent, web.text)
            workers = {worker for worker, _, _ in answers}
            assert {parent for _, parent, _ in answers} == {master}
            assert len({trace for _, _, trace in answers}) == len(answers)
            said = {json.loads(one.body)["payload"]["speech"] for one in sandbox.requests}
            assert said == {f"from {pid}" for pid in {master, *workers}}

            # The bot's replies to all of that arrive in some worker, and are handled here.
            sandbox.set_webhook(f"{web.url}/webhook")
            with sandbox.client() as client:
                for n in range(20):
                    client.send_text(f"t{n % 4}", str(n))
            assert sandbox.wait_delivered(LIMIT)
            handled: dict[str, list[str]] = defaultdict(list)

            def handle(delivery: flowai.Delivery) -> None:
                if delivery.event.kind is flowai.EventKind.REPLY:
                    handled[delivery.event.thread_id].append(delivery.event.text)

            inbox.handle(handle, stop=lambda: sum(map(len, handled.values())) >= 20)
            assert handled == {f"t{n}": [str(m) for m in range(n, 20, 4)] for n in range(4)}
            # A worker that is replaced opens the inbox anew.
            os.kill(next(iter(workers)), signal.SIGKILL)
            for _ in range(20):
                assert web.call("POST", "/webhook", event("paused"), GOOD).status == 200
        finally:
            web.stop()


def test_an_inbox_from_before_the_fork_is_told_plainly(tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    web = gunicorn("web_apps:wsgi", "--preload", WEB_INBOX=f"own:{path}")
    try:
        assert web.call("POST", "/", event("paused"), GOOD).status == 503
        web.wait_for("the inbox was opened before this process was forked; .* give the webhooks its path")
    finally:
        web.stop()
