"""What the examples in the documentation of the package take for granted, and how they are run."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import datetime
import doctest
import inspect
import io
import threading
import time
import traceback
import zoneinfo
from concurrent import futures
from types import SimpleNamespace
from typing import Any

import flowai
from conftest import SECRET

KEY = "MY_MESSAGING_API_KEY"
# How long an example may take by itself before it gets what it waits for, and then to handle that: seconds.
PATIENCE, LIMIT = 0.3, 30.0

BODY = b'{"type": "message.reply", "threadId": "thread-1", "messages": [{"fallback": "Hi"}]}'
WAITING = (flowai.Receiver, flowai.Inbox, flowai.Outbox)
AWAITED = (flowai.AsyncReceiver, flowai.AsyncInbox, flowai.AsyncOutbox)


def examples(doc: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.cleandoc(doc))


class Namespace(dict[str, Any]):
    """Names that examples use without having made them; those of asynchronous classes are awaited."""

    def __init__(self, stack: contextlib.ExitStack, awaited: bool) -> None:
        super().__init__(flowai=flowai, asyncio=asyncio, secret=SECRET, events=[], **frameworks())
        self.update(datetime=datetime.datetime, timezone=datetime.timezone, ZoneInfo=zoneinfo.ZoneInfo)
        self.stack, self.awaited = stack, awaited
        self.loop = asyncio.new_event_loop()
        stack.callback(self.loop.close)

    def need(self, name: str) -> Any:
        if name not in self:
            self[name] = getattr(self, f"make_{name}")()
        return self[name]

    def provide(self, source: str) -> None:
        """Make what an example uses and has not made itself."""
        nodes = list(ast.walk(ast.parse(source)))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        made = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        for name in names:
            if name.id not in made and hasattr(self, f"make_{name.id}"):
                self.need(name.id)

    def wait(self, awaitable: Any) -> Any:
        async def result() -> Any:
            return await awaitable

        return self.loop.run_until_complete(result())

    def settled(self, value: Any) -> Any:
        return self.wait(value) if self.awaited else value

    def opened(self, blocking: Any, awaited: Any) -> Any:
        """Open one of the two at the start, and close it in the end."""
        if not self.awaited:
            return self.stack.enter_context(blocking())

        async def enter() -> Any:
            return await awaited().__aenter__()

        value = self.loop.run_until_complete(enter())
        self.stack.callback(lambda: self.wait(value.close()))
        return value

    def make_sandbox(self) -> flowai.Sandbox:
        seed = {"segments": [{"id": "s1", "name": "Customers"}], "triggerEvents": ["ORDER_SHIPPED"]}
        sandbox = self.stack.enter_context(flowai.Sandbox(api_key=KEY, webhook_secret=SECRET, seed=seed))
        with sandbox.client() as john:
            john.send_text("thread-1", "Hello", originator="John Doe")
        return sandbox

    def make_client(self) -> Any:
        sandbox = self.need("sandbox")
        return self.opened(sandbox.client, sandbox.async_client)

    def make_nobody(self) -> flowai.Client:
        return flowai.Client("KEY", base_url="http://127.0.0.1:9/rest/v1/", max_retries=0)

    def make_verifier(self) -> flowai.Verifier:
        return flowai.Verifier.jwt(SECRET)

    def make_receiver(self) -> Any:
        verifier = self.need("verifier")
        return self.opened(
            lambda: flowai.Receiver(verifier=verifier), lambda: flowai.AsyncReceiver(verifier=verifier)
        )

    def make_inbox(self) -> Any:
        path = "inbox.db"
        inbox = self.opened(lambda: flowai.Inbox.open(path), lambda: flowai.AsyncInbox.open(path))
        # A dead letter.
        self.settled(inbox.put(b"no JSON"))
        return inbox

    def make_outbox(self) -> Any:
        path, client = "outbox.db", self.need("client")
        outbox = self.opened(
            lambda: flowai.Outbox.open(path, client), lambda: flowai.AsyncOutbox.open(path, client)
        )
        self.settled(outbox.send_text("thread-1", "Hello"))
        # Without a network it stays.
        self.settled(outbox.flush(timeout=0.2 if client is self.get("nobody") else LIMIT))
        return outbox

    def make_event(self) -> flowai.Event:
        return flowai.parse_event(BODY)

    def make_delivery(self) -> Any:
        self.settled(self.need("inbox").put(BODY))
        return self.settled(self.need("inbox").next(timeout=20))

    def make_receipt(self) -> Any:
        return self.settled(self.need("outbox").send_text("thread-1", "Hello"))

    def make_report(self) -> Any:
        self.need("receipt")
        return self.settled(self.need("outbox").next_report(timeout=20))

    def make_hours(self) -> flowai.BusinessHours:
        monday = flowai.Weekday(weekday="Monday", content=[flowai.Interval(from_="8:30", to="17:45")])
        return flowai.BusinessHours(label="Support", timezone="Europe/Amsterdam", weekdays=[monday])

    def make_webhook(self) -> flowai.Webhook:
        webhook = flowai.Webhook(verifier=self.need("verifier"))
        webhook.on(flowai.EventKind.REPLY)(lambda event: print(event.text))
        return webhook

    def make_request(self) -> Any:
        call = self.need("sandbox").event("message.reply", "Hi")
        return SimpleNamespace(body=call.body, headers=call.headers, method="POST")

    def make_app(self) -> Any:
        import flask

        return flask.Flask("app")

    def feed(self, fed: set[int]) -> None:
        """Give everything that waits for events one of them."""
        for value in list(self.values()):
            if id(value) in fed or not isinstance(value, WAITING + AWAITED):
                continue
            fed.add(id(value))
            # Those of an earlier example are closed.
            with contextlib.suppress(flowai.ClosedError):
                if isinstance(value, (flowai.Receiver, flowai.AsyncReceiver)):
                    self["sandbox"].set_webhook(value.url, secret=SECRET)
                    self["sandbox"].push(BODY)
                elif isinstance(value, flowai.Inbox):
                    value.put(BODY)
                elif isinstance(value, flowai.AsyncInbox):
                    self.soon(value.put, BODY)

    def soon(self, call: Any, *arguments: Any) -> None:
        async def called() -> None:
            await call(*arguments)

        future = asyncio.run_coroutine_threadsafe(called(), self.loop)
        # The loop runs for as long as the example does, which may just have ended by itself.
        while not futures.wait([future], 0.05).done:
            if self.ended.is_set():
                future.cancel()
                return
        future.result()

    def end(self) -> None:
        """End what would go on for ever."""
        for value in list(self.values()):
            if isinstance(value, WAITING):
                value.close()
            elif isinstance(value, AWAITED):
                self.soon(value.close)

    @contextlib.contextmanager
    def helped(self, source: str, output: io.StringIO) -> Any:
        """Give an example that waits for events one of each, and end it when it has handled them."""
        done = self.ended = threading.Event()

        def help_it() -> None:
            fed: set[int] = set()
            if done.wait(PATIENCE):
                return
            end = time.monotonic() + LIMIT
            while not done.wait(0.05) and time.monotonic() < end:
                self.feed(fed)
                if output.getvalue() or "print(" not in source:
                    break
            if not done.wait(PATIENCE):
                self.end()

        helper = threading.Thread(target=help_it)
        helper.start()
        try:
            yield
        finally:
            done.set()
            helper.join()

    def run(self, example: doctest.Example) -> str:
        """Return what an example prints, or how its exception ends."""
        self.provide(example.source)
        code = compile(example.source, "<example>", "single", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output), self.helped(example.source, output):
                if code.co_flags & inspect.CO_COROUTINE:
                    self.loop.run_until_complete(eval(code, self))
                else:
                    exec(code, self)
        except Exception as error:
            if example.exc_msg is None:
                raise
            return "".join(traceback.format_exception_only(error))
        return output.getvalue()

    def check(self, doc: str) -> None:
        """Run the examples of a documentation; what one shows as its result is what it gives."""
        for example in examples(doc):
            got = self.run(example)
            wanted = example.exc_msg if example.exc_msg is not None else example.want
            if wanted:
                same = doctest.OutputChecker().check_output(wanted, got, doctest.ELLIPSIS)
                assert same, f"{example.source}gives\n{got}and not\n{wanted}"
            elif any(
                line.lstrip(". ").startswith(("for ", "async for ")) for line in example.source.splitlines()
            ):
                # A loop that never runs would show nothing.
                assert got or "print(" not in example.source, f"{example.source}prints nothing"


def frameworks() -> dict[str, Any]:
    """What examples for web frameworks import."""
    from django.conf import settings
    from django.http import HttpResponse
    from fastapi import FastAPI
    from starlette.responses import Response
    from starlette.routing import Route
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
    return {
        "DispatcherMiddleware": DispatcherMiddleware,
        "FastAPI": FastAPI,
        "HttpResponse": HttpResponse,
        "Response": Response,
        "Route": Route,
    }


def documented() -> dict[str, str]:
    """Return what users call or get, by name, with its documentation."""
    found: dict[str, str] = {"flowai": flowai.__doc__ or ""}
    for name in flowai.__all__:
        value = getattr(flowai, name)
        if not callable(value):
            continue
        found[name] = value.__doc__ or ""
        if isinstance(value, type):
            for owner in value.__mro__:
                if owner.__module__.startswith("flowai"):
                    for member in vars(owner):
                        if not member.startswith("_"):
                            # What several classes have in common is there once.
                            doc = getattr(value, member).__doc__ if callable(getattr(value, member)) else None
                            doc = doc or inspect.getattr_static(value, member).__doc__
                            found.setdefault(f"{owner.__name__.lstrip('_')}.{member}", doc or "")
    return found


def is_called(name: str) -> bool:
    """Whether that is a class, a function or a method, and not a property."""
    owner, _, member = name.partition(".")
    if not member:
        return True
    return any(
        callable(getattr(value, member, None))
        for value in (getattr(flowai, name) for name in flowai.__all__)
        if isinstance(value, type) and any(cls.__name__.lstrip("_") == owner for cls in value.__mro__)
    )
