"""Webhooks in web applications, without a server: functions, answers, processes."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import io
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import flowai
from children import call, locked
from conftest import SECRET
from flowai import Event, EventKind
from servers import event, reply
from test_events import token
from test_surface import run_python

GOOD = {"authorization": f"Bearer {token()}"}
OK = b'{"status":"ok"}'


@pytest.fixture
def webhook() -> flowai.Webhook:
    return flowai.Webhook(verifier=None)


def handle(webhook: flowai.Webhook, how: str, body: bytes, **more: Any) -> flowai.WebhookAnswer:
    if how == "handle":
        return webhook.handle(body, more.pop("headers", {}), **more)
    return asyncio.run(webhook.handle_async(body, more.pop("headers", {}), **more))


HOW = pytest.mark.parametrize("how", ["handle", "handle_async"])


@HOW
def test_events_go_to_the_function_of_their_kind(webhook: flowai.Webhook, how: str) -> None:
    seen: list[tuple[str, str]] = []

    @webhook.on(EventKind.REPLY)
    def on_reply(event: Event) -> None:
        seen.append(("reply", event.text))

    @webhook.on(EventKind.PAUSED, EventKind.RESUMED)
    async def on_status(event: Event) -> str:
        await asyncio.sleep(0)
        seen.append(("status", event.type))
        return "what it returns is of no interest"

    for body in (reply("t", "Hello"), event("paused"), event("resumed"), event("new")):
        assert handle(webhook, how, body) == (200, {"content-type": "application/json"}, OK)
    assert seen == [("reply", "Hello"), ("status", "paused"), ("status", "resumed")]
    webhook.fallback(lambda event: seen.append(("other", event.type)))
    assert handle(webhook, how, event("new")).status == 200
    assert seen[3:] == [("other", "new")]
    # Decorators give back what they were given.
    assert on_reply.__name__ == "on_reply"
    assert asyncio.iscoroutinefunction(on_status)


@HOW
def test_every_kind_of_callable_will_do(webhook: flowai.Webhook, how: str) -> None:
    seen: list[str] = []

    class Handler:
        def method(self, event: Event) -> None:
            seen.append("method")

        async def __call__(self, event: Event) -> None:
            await asyncio.sleep(0)
            seen.append("async object")

    async def coroutine(word: str, event: Event) -> None:
        await asyncio.sleep(0)
        seen.append(word)

    webhook.on(EventKind.REPLY)(Handler().method)
    webhook.on(EventKind.PAUSED)(Handler())
    webhook.on(EventKind.RESUMED)(functools.partial(coroutine, "partial"))
    webhook.on(EventKind.HANDOVER)(lambda event: coroutine("lambda", event))
    for kind in ("message.reply", "paused", "resumed", "takeover"):
        assert handle(webhook, how, event(kind)).status == 200
    assert seen == ["method", "async object", "partial", "lambda"]


def test_where_functions_run(webhook: flowai.Webhook) -> None:
    where: list[threading.Thread] = []
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    webhook.on(EventKind.REPLY)(lambda event: where.append((threading.current_thread(), variable.get())))

    @webhook.fallback
    async def other(event: Event) -> None:
        where.append((threading.current_thread(), variable.get()))

    variable.set("context")
    here = threading.current_thread()
    for body in (event("message.reply"), event("paused")):
        webhook.handle(body, {})
        asyncio.run(webhook.handle_async(body, {}))
    threads, contexts = zip(*where, strict=True)
    assert [thread is here for thread in threads] == [True, False, True, True]
    assert set(contexts) == {"context"}


@HOW
def test_a_function_that_fails(webhook: flowai.Webhook, how: str, caplog: pytest.LogCaptureFixture) -> None:
    @webhook.fallback
    def fail(event: Event) -> None:
        raise ZeroDivisionError("what nobody outside should see")

    answer = handle(webhook, how, event("paused"))
    assert answer.status == 500
    assert answer.body == b'{"message":"the events were not handled","status":"error"}'
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("flowai.webhook", logging.ERROR)
    assert "'paused' was not handled" in record.getMessage()
    assert record.exc_info[0] is ZeroDivisionError


@HOW
@pytest.mark.parametrize("way_out", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_a_program_is_not_caught(webhook: flowai.Webhook, how: str, way_out: type) -> None:
    @webhook.fallback
    async def leave(event: Event) -> None:
        raise way_out

    with pytest.raises(way_out):
        handle(webhook, how, event("paused"))


def test_a_webhook_that_does_nothing_acknowledges_nothing(
    webhook: flowai.Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    assert webhook.handle(event("paused"), {}).status == 500
    assert "the webhook has no functions" in caplog.text
    assert webhook.handle(b"", {}, method="GET").status == 200


def test_async_functions_and_a_loop_that_runs(
    webhook: flowai.Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    @webhook.fallback
    async def other(event: Event) -> None:
        raise AssertionError("never called")

    async def main() -> None:
        with pytest.raises(RuntimeError, match="await dispatch_async or handle_async"):
            webhook.dispatch(flowai.parse_event(event("paused")))
        assert webhook.handle(event("paused"), {}).status == 500

    asyncio.run(main())


@HOW
def test_answers_of_a_receiver_and_of_a_webhook_are_the_same(how: str) -> None:
    """One place decides: what differs between them would be found here."""
    from test_receiver import post

    verifier = flowai.Verifier.jwt(SECRET)
    webhook = flowai.Webhook(verifier=verifier)
    webhook.fallback(lambda event: None)
    bodies = [
        event("paused"),
        b"{",
        b"",
        b"[]",
        b"[1]",
        b"\xff",
        b" " * 1048577,
        b"[" * 1000,
        b'{"a":1,"a":2}',
    ]
    with flowai.Receiver(verifier=verifier) as receiver:
        for body in bodies:
            for headers in (GOOD, {}, {"authorization": "Bearer x"}):
                assert handle(webhook, how, body, headers=headers).status == post(
                    receiver.url, body, headers
                ), body


def test_registering() -> None:
    webhook = flowai.Webhook(verifier=None)
    webhook.on(EventKind.REPLY)(print)
    webhook.fallback(print)
    for wrong, argument in (
        (lambda: webhook.on(), "kinds"),
        (lambda: webhook.on("nonsense"), "kinds"),
        (lambda: webhook.on(99), "kinds"),
        (lambda: webhook.on("Reply")(print), "kinds"),
        (lambda: webhook.on(EventKind.PAUSED, EventKind.REPLY)(print), "kinds"),
        (lambda: webhook.fallback(print), "function"),
        (lambda: flowai.Webhook(verifier=None, max_body=0), "max_body"),
        (lambda: flowai.Webhook(verifier=None, max_body=-1), "max_body"),
    ):
        with pytest.raises(flowai.InvalidArgumentError) as caught:
            wrong()
        assert caught.value.argument == argument
    for wrong in (
        lambda: flowai.Webhook(),
        lambda: flowai.Webhook(None),
        lambda: flowai.Webhook(verifier="secret"),
        lambda: flowai.Webhook(verifier=None, inbox=3),
        lambda: flowai.Webhook(verifier=None, max_body="1"),
        lambda: webhook.on(None),
        lambda: webhook.on(print),
        lambda: webhook.on(EventKind.PAUSED)(3),
        lambda: webhook.fallback(None),
        lambda: webhook.handle(3, {}),
        lambda: webhook.handle(b"", 3),
        lambda: webhook.handle(b"", {}, method=None),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_repr_has_no_secret() -> None:
    webhook = flowai.Webhook(verifier=flowai.Verifier.jwt(SECRET), inbox="flowai.db")
    assert repr(webhook) == (
        "<flowai.Webhook verifier=Verifier.jwt(secrets=1, require_exp=False, leeway=60.0) inbox='flowai.db'>"
    )


@HOW
def test_with_an_inbox(tmp_path: Path, how: str) -> None:
    seen: list[str] = []
    with flowai.Inbox.open(tmp_path / "inbox.db") as inbox:
        webhook = flowai.Webhook(verifier=flowai.Verifier.jwt(SECRET), inbox=inbox)
        webhook.on(EventKind.REPLY)(lambda event: seen.append(event.text))
        for body in (reply("t", "one", "m1"), reply("t", "one", "m1"), b"{", reply("t", "two")):
            assert handle(webhook, how, body, headers=GOOD).status == 200
        assert handle(webhook, how, reply("t", "forged")).status == 401
        assert seen == []
        inbox.handle(webhook.dispatch, stop=lambda: inbox.stats().waiting == 0)
        assert seen == ["one", "two"]
        assert inbox.stats().dead == 1
        # A delivery is taken as it is, by both faces.
        inbox.put(reply("t", "three"))
        delivery = inbox.next(timeout=10)
        asyncio.run(webhook.dispatch_async(delivery))
        webhook.dispatch(delivery.event)
        assert seen[2:] == ["three", "three"]
    answer = handle(webhook, how, reply("t", "closed"), headers=GOOD)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


def test_with_an_async_inbox(tmp_path: Path) -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        async with flowai.AsyncInbox.open(tmp_path / "inbox.db") as inbox:
            webhook = flowai.Webhook(verifier=None, inbox=inbox)
            webhook.fallback(lambda event: seen.append(event.text))
            assert (await webhook.handle_async(reply("t", "one"), {})).status == 200
            async for delivery in inbox:
                async with delivery:
                    await webhook.dispatch_async(delivery)
                return seen
        return []

    assert asyncio.run(main()) == ["one"]


def test_storing_does_not_block_the_loop(tmp_path: Path) -> None:
    """While somebody else has the database the loop goes on."""
    path = tmp_path / "inbox.db"

    async def main() -> None:
        storing = asyncio.create_task(webhook.handle_async(event("paused"), {}))
        for _ in range(50):
            await asyncio.sleep(0.005)
            assert not storing.done()
        unlock()
        assert (await storing).status == 200

    with flowai.Inbox.open(path, lock_time=60) as inbox, locked(path) as unlock:
        webhook = flowai.Webhook(verifier=None, inbox=inbox)
        asyncio.run(main())


def test_a_path_is_opened_once_for_each_process(tmp_path: Path) -> None:
    assert call(fork_and_store, str(tmp_path / "inbox.db"), limit=60) == [0, 0, 0]


def fork_and_store(path: str) -> list[int]:
    """Children of one process store, at the same time as it does; another process owns the inbox."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWN, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "open\n"
    webhook = flowai.Webhook(verifier=None, inbox=path)
    pids = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            statuses = [webhook.handle(event("paused"), {}).status for _ in range(20)]
            os._exit(statuses != [200] * 20)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert webhook.handle(event("paused"), {}).status == 200
    # Now this process has a database open, which its children cannot use.
    pid = os.fork()
    if pid == 0:
        os._exit(webhook.handle(event("paused"), {}).status != 503)
    assert os.waitpid(pid, 0)[1] == 0
    said, _ = owner.communicate("count\n", timeout=30)
    assert said == "61\n"
    return codes


OWN = """
import sys, flowai
with flowai.Inbox.open(sys.argv[1]) as inbox:
    print("open", flush=True)
    sys.stdin.readline()
    print(inbox.stats().waiting)
"""


# The applications, with servers that do what real ones seldom do.


async def call_asgi(webhook: flowai.Webhook, messages: list[Any], **scope: Any) -> list[dict[str, Any]]:
    """Gives what was sent."""
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        if not messages:
            await asyncio.sleep(3600)
        message = messages.pop(0)
        if isinstance(message, Exception):
            raise message
        return message

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": [], "http_version": "1.1", **scope}
    await webhook.asgi(scope, receive, send)
    return sent


def piece(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.fixture
def handled(webhook: flowai.Webhook) -> list[str]:
    texts: list[str] = []
    webhook.fallback(lambda event: texts.append(event.text or event.type))
    return texts


def asgi(webhook: flowai.Webhook, *messages: Any, **scope: Any) -> list[dict[str, Any]]:
    return asyncio.run(call_asgi(webhook, list(messages), **scope))


def test_asgi_reads_whole_bodies(webhook: flowai.Webhook, handled: list[str]) -> None:
    body = reply("t", "Hello")
    start, end = asgi(webhook, *[piece(bytes([byte]), True) for byte in body], {"type": "http.request"})
    assert (start["status"], end["body"]) == (200, OK)
    assert (b"content-length", b"15") in start["headers"]
    assert b"connection" not in dict(start["headers"])
    assert handled == ["Hello"]
    # Nobody is there to be answered, and nothing is handled.
    assert asgi(webhook, piece(body, True), {"type": "http.disconnect"}) == []
    assert asgi(webhook, {"type": "http.disconnect"}) == []
    assert handled == ["Hello"]


def test_asgi_stops_reading(webhook: flowai.Webhook, handled: list[str]) -> None:
    never = AssertionError("read on")
    start, _ = asgi(webhook, *[piece(b" " * 65536, True)] * 17, never)
    assert (start["status"], dict(start["headers"])[b"connection"]) == (413, b"close")
    start, _ = asgi(webhook, never, headers=[(b"content-length", b"1048577")])
    assert start["status"] == 413
    start, _ = asgi(webhook, never, headers=[(b"content-length", b"1048577")], http_version="2")
    # HTTP/2 has no such header.
    assert b"connection" not in dict(start["headers"])
    for method, status in (("GET", 200), ("HEAD", 200), ("DELETE", 405)):
        start, end = asgi(webhook, never, method=method)
        assert (start["status"], end["body"] == b"") == (status, method == "HEAD")
    assert handled == []


def test_asgi_does_not_wait_for_ever(webhook: flowai.Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    class Impatient:
        body_time = 0.05

        def __getattr__(self, name: str) -> Any:
            return getattr(intake, name)

    intake = webhook._intake
    assert intake.body_time == 10
    monkeypatch.setattr(type(webhook), "_intake", Impatient())
    start, _ = asgi(webhook, piece(b"{", True))
    assert (start["status"], dict(start["headers"])[b"connection"]) == (408, b"close")


def test_asgi_knows_what_it_cannot_do(webhook: flowai.Webhook) -> None:
    lives = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = asgi(webhook, *lives, type="lifespan")
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert asgi(webhook, type="websocket") == [{"type": "websocket.close"}]
    with pytest.raises(ValueError, match="'telnet'"):
        asgi(webhook, type="telnet")


def wsgi(webhook: flowai.Webhook, body: Any = b"", **environ: Any) -> tuple[str, dict[str, str], bytes]:
    said: list[Any] = []
    stream = io.BytesIO(body) if isinstance(body, bytes) else body
    environ = {"REQUEST_METHOD": "POST", "wsgi.input": stream, **environ}
    pieces = webhook.wsgi(environ, lambda *arguments: said.extend(arguments))
    return said[0], dict(said[1]), b"".join(pieces)


class Endless(io.RawIOBase):
    """A body without an end, which counts what was read of it."""

    count = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        self.count += size
        return b" " * size


class Broken(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise ConnectionResetError("gone")


def test_wsgi_reads_whole_bodies(webhook: flowai.Webhook, handled: list[str]) -> None:
    body = reply("t", "Hello")
    length = {"CONTENT_LENGTH": str(len(body))}
    terminated = {"wsgi.input_terminated": True}
    assert wsgi(webhook, body, **length) == (
        "200 OK",
        {"content-type": "application/json", "content-length": "15"},
        OK,
    )
    # What comes after it is the next request.
    assert wsgi(webhook, body + b"GET / HTTP/1.1", **length)[0] == "200 OK"
    assert wsgi(webhook, body, **terminated)[0] == "200 OK"
    assert wsgi(webhook, body, CONTENT_LENGTH="", **terminated)[0] == "200 OK"
    assert handled == ["Hello"] * 4
    # Where nothing tells that there is a body, there is none.
    assert wsgi(webhook, Broken())[0] == "400 Bad Request"
    assert wsgi(webhook, Broken(), HTTP_TRANSFER_ENCODING="chunked")[0] == "411 Length Required"
    for cut, fields in ((body[:-1], length), (Broken(), length), (Broken(), terminated)):
        assert wsgi(webhook, cut, **fields)[0] == "400 Bad Request"
    for wrong in ("x", "-1", "1.0", "\u0663"):
        assert wsgi(webhook, body, CONTENT_LENGTH=wrong)[0] == "400 Bad Request"
    assert handled == ["Hello"] * 4


def test_wsgi_stops_reading(webhook: flowai.Webhook, handled: list[str]) -> None:
    endless = Endless()
    assert wsgi(webhook, endless, **{"wsgi.input_terminated": True})[0].startswith("413 ")
    assert endless.count == (1 << 20) + 1
    endless = Endless()
    assert wsgi(webhook, endless, CONTENT_LENGTH="1048577")[0].startswith("413 ")
    for method in ("GET", "HEAD", "PUT"):
        assert wsgi(webhook, endless, REQUEST_METHOD=method, CONTENT_LENGTH="9")[0][:3] in ("200", "405")
    assert endless.count == 0
    assert wsgi(webhook, REQUEST_METHOD="HEAD")[2] == b""


@pytest.mark.parametrize(
    "headers",
    [{"HTTP_AUTHORIZATION": f"Bearer {token()}"}, {"HTTP_X_ACCESS_TOKEN": token()}],
    ids=lambda headers: next(iter(headers)),
)
def test_wsgi_passes_headers_on(headers: dict[str, str]) -> None:
    webhook = flowai.Webhook(verifier=flowai.Verifier.jwt(SECRET))
    webhook.fallback(lambda event: None)
    body = event("paused")
    length = {"CONTENT_LENGTH": str(len(body))}
    assert wsgi(webhook, body, **length, **headers)[0] == "200 OK"
    assert wsgi(webhook, body, **length)[0] == "401 Unauthorized"


def test_importing_the_package_does_not_import_it() -> None:
    program = """
import sys, flowai
late = {"flowai._webhook", "flowai._asgi", "flowai._wsgi", "logging", "http", "typing"}
print(sorted(late & set(sys.modules)))
flowai.Webhook
print(sorted(late - set(sys.modules)), "asyncio" in sys.modules)
"""
    assert run_python(program).stdout.splitlines() == ["[]", "[] False"]


@pytest.mark.parametrize("name", ["Webhook", "WebhookAnswer"])
def test_help(name: str) -> None:
    cls = getattr(flowai, name)
    documented = [
        cls,
        *(value for key, value in vars(cls).items() if not key.startswith("_") and name == "Webhook"),
    ]
    for one in documented:
        assert ">>> " in (one.__doc__ or ""), one


def test_the_example_of_an_answer() -> None:
    (source, wanted) = (line.strip() for line in flowai.WebhookAnswer.__doc__.splitlines()[6:8])
    assert repr(eval(source.removeprefix(">>> "))) == wanted


def test_an_async_client_in_functions_under_wsgi(webhook: flowai.Webhook, sandbox: flowai.Sandbox) -> None:
    """Each call has a loop of its own, and leaves nothing behind."""
    with sandbox.client() as setup:
        client = flowai.AsyncClient(sandbox.api_key, base_url=setup.base_url)

    @webhook.fallback
    async def answer(event: Event) -> None:
        await client.send_text(event.thread_id, "Hello")

    counts = []
    for number in range(60):
        assert webhook.handle(event("paused", f"t{number}"), {}).status == 200
        counts.append(len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0)
    assert max(counts[30:]) <= max(counts[:30])
    assert sum(one.path.startswith("/rest/v1/messages/t") for one in sandbox.requests) == 60
