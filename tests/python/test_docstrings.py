"""Every public class and function has an example in its documentation, and each of them runs.

A namespace is prepared for them: a sandbox, a client of it, a receiver that it calls, an inbox, an outbox
and so on. What an example shows as its result is compared; where it shows nothing, what it gives is not
looked at.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import threading
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flowai
from conftest import SECRET

KEY = "MY_MESSAGING_API_KEY"
CHECK = doctest.OutputChecker()


def documented() -> dict[str, str]:
    """Everything that users call, and its documentation."""
    found: dict[str, str] = {"flowai": flowai.__doc__ or ""}
    for name in flowai.__all__:
        value = getattr(flowai, name)
        if not callable(value):
            continue
        found[name] = value.__doc__ or ""
        if not isinstance(value, type):
            continue
        for owner in value.__mro__:
            if not owner.__module__.startswith("flowai"):
                continue
            for member, as_defined in vars(owner).items():
                method = getattr(value, member)
                plain = isinstance(as_defined, property) or inspect.isgetsetdescriptor(as_defined)
                if member.startswith("_") or plain or not callable(method):
                    continue
                # What several classes have in common is run once.
                found.setdefault(f"{owner.__name__.lstrip('_')}.{member}", method.__doc__ or "")
    return found


DOCUMENTED = documented()


def examples(doc: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.cleandoc(doc))


def test_everything_that_is_called_has_an_example() -> None:
    missing = [name for name, doc in DOCUMENTED.items() if not examples(doc)]
    assert not missing
    assert len(DOCUMENTED) > 150


class Namespace(dict[str, Any]):
    """What examples take for granted, made when it is asked for and closed at the end."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        super().__init__(flowai=flowai)
        self.stack = stack

    def need(self, name: str) -> Any:
        if name not in self:
            self[name] = getattr(self, f"make_{name}")()
        return self[name]

    def provide(self, source: str) -> None:
        """Makes what this source takes for granted."""
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Name) and hasattr(self, f"make_{node.id}"):
                self.need(node.id)

    def make_sandbox(self) -> flowai.Sandbox:
        seed = {"segments": [{"id": "s1", "name": "Customers"}], "triggerEvents": ["ORDER_SHIPPED"]}
        return self.stack.enter_context(flowai.Sandbox(api_key=KEY, webhook_secret=SECRET, seed=seed))

    def make_client(self) -> flowai.Client:
        return self.stack.enter_context(self.need("sandbox").client())

    def make_async_client(self) -> flowai.AsyncClient:
        return flowai.AsyncClient(KEY, base_url=self.need("sandbox").base_url)

    def make_nobody(self) -> flowai.Client:
        return flowai.Client("KEY", base_url="http://127.0.0.1:9/rest/v1/", max_retries=0)

    def make_secret(self) -> str:
        return SECRET

    def make_verifier(self) -> flowai.Verifier:
        return flowai.Verifier.jwt(SECRET)

    def make_receiver(self) -> flowai.Receiver:
        receiver = self.stack.enter_context(flowai.Receiver(verifier=self.need("verifier")))
        self.need("sandbox").set_webhook(receiver.url, secret=SECRET)
        return receiver

    def make_inbox(self) -> flowai.Inbox:
        return self.stack.enter_context(flowai.Inbox.open("inbox.db"))

    def make_outbox(self) -> flowai.Outbox:
        return self.stack.enter_context(flowai.Outbox.open("outbox.db", self.need("client")))

    def make_event(self) -> flowai.Event:
        return flowai.parse_event('{"type": "message.reply", "threadId": "thread-1", "messages": []}')

    def make_delivery(self) -> flowai.Delivery:
        self.need("inbox").put(self.need("event").raw)
        delivery = self.need("inbox").next(timeout=20)
        assert delivery is not None
        return delivery

    def make_receipt(self) -> flowai.OutboxReceipt:
        return self.need("outbox").send_text("thread-1", "Hello")

    def make_report(self) -> flowai.OutboxReport:
        self.need("receipt")
        report = self.need("outbox").next_report(timeout=20)
        assert report is not None
        return report

    def make_request(self) -> Any:
        return types.SimpleNamespace(body=b"{}", headers={})

    def make_ZoneInfo(self) -> Any:  # noqa: N802
        import zoneinfo

        return zoneinfo.ZoneInfo

    def make_hours(self) -> flowai.BusinessHours:
        return flowai.BusinessHours(label="Support", weekdays=[])

    def make_datetime(self) -> Any:
        import datetime

        return datetime.datetime

    def make_timezone(self) -> Any:
        import datetime

        return datetime.timezone

    def end_loops(self) -> None:
        """Ends what goes through events for ever."""
        for value in list(self.values()):
            if isinstance(value, (flowai.Receiver, flowai.Inbox, flowai.Outbox)):
                value.close()


def run(example: doctest.Example, names: Namespace, loop: asyncio.AbstractEventLoop) -> str:
    """What an example prints, or how its exception ends."""
    names.provide(example.source)
    code = compile(example.source, "<example>", "single", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            if code.co_flags & inspect.CO_COROUTINE:
                loop.run_until_complete(eval(code, names))
            else:
                exec(code, names)
    except Exception as error:
        if example.exc_msg is None:
            raise
        return "".join(traceback.format_exception_only(error))
    return output.getvalue()


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Namespace]:
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "photo.jpg", "video.mp4", "a.png"):
        Path(name).write_bytes(b"not really a picture")
    with contextlib.ExitStack() as stack:
        names = Namespace(stack)
        monkeypatch.setenv("FLOWAI_API_KEY", KEY)
        monkeypatch.setenv("FLOWAI_BASE_URL", names.need("sandbox").base_url)
        yield names
        names.end_loops()


@pytest.mark.parametrize("name", [name for name, doc in DOCUMENTED.items() if examples(doc)])
@pytest.mark.filterwarnings("ignore:a call of flowai.Client runs on the event loop")
def test_the_examples_run(name: str, names: Namespace) -> None:
    loop = asyncio.new_event_loop()
    if name.startswith("AsyncClient"):
        names["client"] = names.need("async_client")
    done = threading.Event()

    def end() -> None:
        if not done.wait(1.5):
            while not done.wait(0.2):
                names.end_loops()

    ends = threading.Thread(target=end)
    ends.start()
    try:
        for example in examples(DOCUMENTED[name]):
            got = run(example, names, loop)
            wanted = example.exc_msg if example.exc_msg is not None else example.want
            same = CHECK.check_output(wanted, got, doctest.ELLIPSIS)
            assert not wanted or same, f"{example.source}gives\n{got}and not\n{wanted}"
    finally:
        done.set()
        ends.join()
        loop.close()
