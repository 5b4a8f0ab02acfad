"""Signals while a call waits: Ctrl-C ends it at once, and handlers run."""

from __future__ import annotations

import io
import os
import re
import signal
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import flowai
from children import call
from tries import FIGURES, INTERRUPTS, rounds
from vectors import server

LONG = 20.0
SOON = 5.0  # generous on a busy machine, and far from LONG


def later(seconds: float, action: Callable[[], Any]) -> None:
    threading.Timer(seconds, action).start()


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


class Endless(io.RawIOBase):
    """A file without a name, a number or an end."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause

    def read(self, size: int = -1) -> bytes:
        time.sleep(self.pause)
        return b"x" * min(size, 1000) if self.pause else b"x" * size


class Stage:
    """Where one wait is interrupted."""

    def __init__(self, options: dict[str, dict[str, Any]], folder: str) -> None:
        self.options = options
        self.folder = Path(folder)
        self.file = self.folder / "large.bin"
        self.interrupted = self.ended = 0.0

    def client(self, name: str, **more: Any) -> flowai.Client:
        return flowai.Client(**{"timeout": LONG, **self.options[name], **more})

    def new_file(self) -> Path:
        return self.folder / f"{time.monotonic_ns()}.db"

    def wait(self, blocking: Callable[[], Any]) -> None:
        """Waits, and is interrupted in the middle of it."""
        timer = threading.Timer(0.12, self._interrupt)
        timer.start()
        try:
            blocking()
        except BaseException:
            self.ended = time.monotonic()
            raise
        raise AssertionError("it did not wait")

    def _interrupt(self) -> None:
        self.interrupted = time.monotonic()
        interrupt()


HELLO = [(f"t{number}", "Hello") for number in range(50)]
# Every call of a client, of a service that does not answer.
CALLS: dict[str, Callable[[flowai.Client], Any]] = {
    "send_text": lambda client: client.send_text("t", "Hello"),
    "send_event": lambda client: client.send_event("t", "E"),
    "send_location": lambda client: client.send_location("t", 1, 2),
    "send_media": lambda client: client.send_media("t", "https://x/y", media_type="image"),
    "send": lambda client: client.send("t", flowai.TextMessage("Hello")),
    "send_many": lambda client: client.send_many(HELLO, concurrency=4),
    "iter_send_many": lambda client: list(client.iter_send_many(HELLO, concurrency=4)),
    "upload_media": lambda client: client.upload_media("t", b"x", filename="x.bin", idle_timeout=LONG),
    "ask": lambda client: client.ask("t", "Hello"),
    "history": lambda client: client.history("t"),
    "iter_history": lambda client: list(client.iter_history("t")),
    "request_history": lambda client: client.request_history("t"),
    "threads": lambda client: client.threads(),
    "iter_threads": lambda client: list(client.iter_threads()),
    "request_threads": lambda client: client.request_threads(),
    "create_thread": lambda client: client.create_thread(),
    "business_hours": lambda client: client.business_hours(),
    "request_business_hours": lambda client: client.request_business_hours(),
    "pause": lambda client: client.pause("t"),
    "resume": lambda client: client.resume("t"),
    "bot_status": lambda client: client.bot_status("t"),
    "request_bot_status": lambda client: client.request_bot_status("t"),
    "handover": lambda client: client.handover("t"),
    "resolve": lambda client: client.resolve("t"),
    "takeover": lambda client: client.takeover("t"),
    "trigger_events": lambda client: client.trigger_events(),
    "request_trigger_events": lambda client: client.request_trigger_events(),
    "trigger_event": lambda client: client.trigger_event("t", "E"),
    "broadcast": lambda client: client.broadcast(
        [{"name": "J", "identifier": "j"}], flowai.Channel("new", "1"), "Hello"
    ),
    "broadcast_to_segments": lambda client: client.broadcast_to_segments(["Customers"], "Hello"),
    "segments": lambda client: client.segments(),
    "request": lambda client: client.request("GET", "threads"),
}
SENDS = {
    *("send_text", "send_event", "send_location", "send_media", "send", "upload_media", "ask"),
    *("handover", "takeover", "trigger_event", "broadcast", "broadcast_to_segments"),
}


class Waits:
    """Other waits that take much longer than a test: the name of a method, then how it comes to wait."""

    def client__send_text__over_tls(self, stage: Stage) -> None:
        client = stage.client("stall_tls")
        stage.wait(lambda: client.send_text("t", "Hello"))

    def client__send_text__whose_answer_trickles(self, stage: Stage) -> None:
        client = stage.client("trickle")
        stage.wait(lambda: client.send_text("t", "Hello"))

    def client__send_text__that_connects(self, stage: Stage) -> None:
        client = stage.client("blackhole", connect_timeout=LONG)
        stage.wait(lambda: client.send_text("t", "Hello"))

    def client__bot_status__between_two_tries(self, stage: Stage) -> None:
        client = stage.client("retry")
        stage.wait(lambda: client.bot_status("t"))

    def client__ask__whose_reply_does_not_come(self, stage: Stage) -> None:
        with flowai.Sandbox(bot="none", sync_replies=False) as sandbox, sandbox.client() as client:
            stage.wait(lambda: client.ask("t", "Hello", timeout=LONG))

    def client__send_many__whose_messages_do_not_come(self, stage: Stage) -> None:
        client = stage.client("ok")
        stage.wait(lambda: client.send_many((time.sleep(LONG), "x") for _ in range(2)))

    def client__iter_send_many__in_the_middle(self, stage: Stage) -> None:
        results = stage.client("ok").iter_send_many((f"t{n}", "x") for n in range(10_000_000))
        stage.wait(lambda: sum(1 for _ in results))

    def client__send_many__in_the_middle(self, stage: Stage) -> None:
        client = stage.client("ok")
        stage.wait(lambda: client.send_many((f"t{n}", "x") for n in range(10_000_000)))

    def client__upload_media__of_a_path(self, stage: Stage) -> None:
        client = stage.client("stop")
        stage.wait(lambda: client.upload_media("t", stage.file, idle_timeout=LONG))

    def client__upload_media__of_a_file_object(self, stage: Stage) -> None:
        client = stage.client("stop")
        with stage.file.open("rb") as file:
            stage.wait(lambda: client.upload_media("t", file, idle_timeout=LONG))

    def client__upload_media__of_an_endless_file(self, stage: Stage) -> None:
        client = stage.client("stop")
        stage.wait(lambda: client.upload_media("t", Endless(), idle_timeout=LONG))

    def client__upload_media__of_a_slow_file(self, stage: Stage) -> None:
        client = stage.client("ok")
        stage.wait(lambda: client.upload_media("t", Endless(pause=0.05), idle_timeout=LONG))

    def client__upload_media__of_bytes(self, stage: Stage) -> None:
        client = stage.client("stop")
        stage.wait(lambda: client.upload_media("t", bytes(20_000_000), idle_timeout=LONG))

    def historyiterator____next__(self, stage: Stage) -> None:
        entries = stage.client("stall").iter_history("t")
        stage.wait(lambda: next(entries))

    def threaditerator____next__(self, stage: Stage) -> None:
        threads = stage.client("stall").iter_threads()
        stage.wait(lambda: next(threads))

    def receiver__next(self, stage: Stage) -> None:
        with flowai.Receiver(verifier=None) as receiver:
            stage.wait(lambda: receiver.next(timeout=LONG))

    def receiver__next__without_end(self, stage: Stage) -> None:
        with flowai.Receiver(verifier=None) as receiver:
            stage.wait(receiver.next)

    def receiver__wait(self, stage: Stage) -> None:
        with flowai.Receiver(verifier=None) as receiver:
            kind = flowai.EventKind.REPLY
            stage.wait(lambda: receiver.wait(kind=kind, thread_id="t", timeout=LONG))

    def receiver____next__(self, stage: Stage) -> None:
        with flowai.Receiver(verifier=None) as receiver:
            stage.wait(lambda: list(receiver))

    def sandbox__wait_delivered(self, stage: Stage) -> None:
        with flowai.Receiver(verifier=None) as receiver, flowai.Sandbox(webhook_url=receiver.url) as sandbox:
            receiver.close()
            sandbox.push({"type": "message.reply", "threadId": "t", "messages": []})
            stage.wait(lambda: sandbox.wait_delivered(LONG))

    def sandbox__set_webhook(self, stage: Stage) -> None:
        with flowai.Sandbox() as sandbox:
            stage.wait(lambda: sandbox.set_webhook(stage.options["mute"]["base_url"]))

    def sandbox__new__whose_webhook_does_not_answer(self, stage: Stage) -> None:
        stage.wait(lambda: flowai.Sandbox(webhook_url=stage.options["mute"]["base_url"]))

    def inbox__next(self, stage: Stage) -> None:
        with flowai.Inbox.open(stage.new_file()) as inbox:
            stage.wait(inbox.next)

    def inbox____next__(self, stage: Stage) -> None:
        with flowai.Inbox.open(stage.new_file()) as inbox:
            stage.wait(lambda: list(inbox))

    def inbox__handle(self, stage: Stage) -> None:
        with flowai.Inbox.open(stage.new_file()) as inbox:
            stage.wait(lambda: inbox.handle(print))

    def _outbox(self, stage: Stage) -> flowai.Outbox:
        return flowai.Outbox.open(stage.new_file(), stage.client("stall"), close_time=0.1)

    def outbox__next_report(self, stage: Stage) -> None:
        with self._outbox(stage) as outbox:
            stage.wait(outbox.next_report)

    def outbox__reports(self, stage: Stage) -> None:
        with self._outbox(stage) as outbox:
            stage.wait(lambda: list(outbox.reports()))

    def reportiterator____next__(self, stage: Stage) -> None:
        with self._outbox(stage) as outbox:
            reports = iter(outbox.reports())
            stage.wait(lambda: next(reports))

    def outbox__flush(self, stage: Stage) -> None:
        with self._outbox(stage) as outbox:
            outbox.send_text("t", "Hello")
            stage.wait(outbox.flush)

    def outbox__close(self, stage: Stage) -> None:
        outbox = flowai.Outbox.open(stage.new_file(), stage.client("stall"), close_time=LONG)
        outbox.send_text("t", "Hello")
        time.sleep(0.2)  # it is leaving
        stage.wait(outbox.close)


OTHERS = [name for name in vars(Waits) if not name.startswith("_")]
GROUPS = {
    "calls": list(CALLS),
    "clients": [name for name in OTHERS if name.startswith(("client", "history", "thread"))],
    "servers": [name for name in OTHERS if name.startswith(("receiver", "sandbox"))],
    "files": [name for name in OTHERS if name.startswith(("inbox", "outbox", "report"))],
}
# What takes no longer than the work of a moment: a commit, or an answer of this process.
MOMENTS: dict[type, set[str]] = {
    flowai.Client: {"close", "with_options"},
    flowai.HistoryIterator: set(),
    flowai.ThreadIterator: set(),
    flowai.Receiver: {"close"},
    flowai.Sandbox: {
        *("add_rules", "async_client", "client", "close", "event", "fail_next", "push", "reply"),
        *("reply_in_turn", "sign", "thread_state"),
    },
    flowai.Inbox: {
        *("open", "attach", "close", "put", "list", "show", "stats"),
        *("discard", "forget", "replay"),
    },
    flowai.Outbox: {
        *("open", "attach", "list", "show", "stats", "acknowledge", "confirm", "discard"),
        *("send", "send_text", "send_event", "send_location", "send_media", "upload_media"),
    },
    flowai.ReportIterator: set(),
    flowai.Delivery: {"ack", "retry", "fail", "dead", "heartbeat"},
}


def methods(cls: type) -> set[str]:
    """The public methods of a class, and its iteration."""
    names = {name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))}
    return names | ({"__next__"} if hasattr(cls, "__next__") else set())


@pytest.mark.parametrize("cls", MOMENTS, ids=lambda cls: cls.__name__)
def test_every_method_is_interrupted_here_or_does_not_wait(cls: type) -> None:
    prefix = f"{cls.__name__.lower()}__"
    here = {name.removeprefix(prefix) for name in OTHERS if name.startswith(prefix)}
    waits = {re.split(r"(?<=\w)__(?=\w)", name)[0] if name[0] != "_" else name for name in here}
    waits -= {"new"}
    if cls is flowai.Client:
        waits |= set(CALLS)
    assert not waits & MOMENTS[cls]
    assert waits | MOMENTS[cls] == methods(cls)


def is_usable(options: dict[str, Any]) -> bool:
    client = flowai.Client(**options)
    return bool(client.send_text("t", "after").status == "ok")


def interrupted_waits(group: str, times: int, options: dict[str, Any], folder: str) -> list[dict[str, Any]]:
    """What was raised out of each wait of a group, and how long after the signal."""
    seen = []
    others = Waits()
    warnings.simplefilter("ignore", DeprecationWarning)
    for name in GROUPS[group] * times:
        sys.stderr.write(f"{name}\n")
        stage = Stage(options, folder)
        told: dict[str, Any] = {"name": name}
        try:
            if name in CALLS:
                client = stage.client("stall")
                stage.wait(lambda name=name, client=client: CALLS[name](client))
            else:
                getattr(others, name)(stage)
        except BaseException as error:
            told["raised"] = type(error).__name__
            for fact in ("delivery", "operation", "trace_id"):
                told[fact] = getattr(error, fact, None)
            told["notes"] = getattr(error, "__notes__", [])
            told["results"] = [getattr(one, "delivery", "sent") for one in getattr(error, "results", [])]
        told["took"] = stage.ended - stage.interrupted
        told["usable"] = is_usable(options["ok"])
        seen.append(told)
    return seen


def all_options(run: str) -> dict[str, dict[str, Any]]:
    kit = server()
    return {
        "ok": kit.fault("ok", run),
        "stall": kit.fault("stall", f"{run}stall"),
        "stall_tls": kit.fault("stall", f"{run}tls", tls=True),
        "trickle": kit.fault("trickle-body", f"{run}trickle"),
        "retry": kit.fault("status-503.retry-after-15", f"{run}retry"),
        "stop": kit.fault("stop-reading", f"{run}stop"),
        "mute": {"base_url": kit.values["mute"]},
        "blackhole": {**kit.fault("ok", run), "base_url": f"{kit.values['blackhole']}/rest/v1/"},
    }


@pytest.mark.parametrize("group", GROUPS)
def test_ctrl_c_ends(group: str, tmp_path: Path) -> None:
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(100_000_000)
    times = rounds(INTERRUPTS, sum(len(names) for names in GROUPS.values()))
    options = all_options(f"interrupt{group}")
    limit = 60 + 3 * times * len(GROUPS[group])
    seen = call(interrupted_waits, group, times, options, str(tmp_path), limit=limit)
    assert [told["name"] for told in seen] == GROUPS[group] * times
    for told in seen:
        assert told["raised"] == "KeyboardInterrupt", told
        assert told["took"] < SOON, told
        assert told["usable"], told
    took = sorted(told["took"] * 1000 for told in seen)
    median = statistics.median(took)
    FIGURES.append(
        f"Ctrl-C, {group}: {len(took)} interrupts, median {median:.0f} ms, longest {took[-1]:.0f} ms"
    )
    assert median < 100, took
    for told in seen:
        name = told["name"]
        if name in SENDS:
            # The exception says what became of the message.
            operation = "send_text" if name == "send" else name
            assert (told["delivery"], told["operation"]) == ("maybe_sent", operation), told
            assert sys.version_info < (3, 11) or f"{operation} was interrupted" in told["notes"][0]
        elif name == "client__send_text__that_connects":
            assert told["delivery"] == "not_sent", told
        elif name == "client__ask__whose_reply_does_not_come":
            assert told["delivery"] == "sent", told
        elif name in CALLS:
            assert told["delivery"] is None, told
        if name in ("send_many", "iter_send_many"):
            assert told["results"] == ["maybe_sent"] * 4 + ["not_sent"] * 46, told
        if name == "client__send_many__in_the_middle":
            assert set(told["results"]) <= {"sent", "maybe_sent", "not_sent"}
            assert told["results"]


def same_client_after(options: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The client whose call was interrupted goes on, with the answer to the new request."""
    ok = dict(options["once"])
    client = flowai.Client(**ok, timeout=LONG)
    raised = []
    for _ in range(3):
        later(0.2, interrupt)
        try:
            client.send_text("t", "stalls")
        except KeyboardInterrupt:
            raised.append("KeyboardInterrupt")
    receipts = [client.send_text("t", f"after {n}") for n in range(5)]
    own = [receipt.request_id == str(receipt.trace_id) for receipt in receipts]
    return {"raised": raised, "own": own}


def test_the_interrupted_client_goes_on() -> None:
    options = {"once": server().fault("stall.times-3", "interruptonce")}
    seen = call(same_client_after, options, limit=60)
    assert seen == {"raised": ["KeyboardInterrupt"] * 3, "own": [True] * 5}
    # What was interrupted is not sent again.
    assert server().counts("interruptonce")["distinct"] == 8


class Stop(Exception):
    """What a handler raises."""


def raising_handler(options: dict[str, Any]) -> dict[str, Any]:
    def handler(number: int, frame: FrameType | None) -> None:
        raise Stop("from the handler")

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    began = time.monotonic()
    try:
        flowai.Client(**options, timeout=LONG).send_text("t", "Hello")
        raised = ["nothing"]
    except Stop as error:
        raised = [type(error).__name__, str(error)]
    return {"raised": raised, "took": time.monotonic() - began}


def test_a_handler_can_raise_its_own_exception() -> None:
    seen = call(raising_handler, server().fault("stall", "interrupthandler"), limit=60)
    assert seen["raised"] == ["Stop", "from the handler"]
    assert seen["took"] < SOON


def returning_handler(stalling: dict[str, Any], answering: dict[str, Any]) -> dict[str, Any]:
    calls = []
    signal.signal(signal.SIGALRM, lambda number, frame: calls.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    # The first answer asks for a second of patience.
    status = flowai.Client(**answering, timeout=LONG).pause("t").status
    during_retry = len(calls)
    try:
        flowai.Client(**stalling, max_retries=0).send_text("t", "Hello", timeout=1.0)
        raised = "nothing"
    except flowai.APITimeoutError as error:
        raised = error.delivery or ""
    signal.setitimer(signal.ITIMER_REAL, 0)
    return {"status": status, "during_retry": during_retry, "calls": len(calls), "raised": raised}


def test_a_handler_that_returns_lets_the_call_go_on() -> None:
    kit = server()
    stalling, answering = (
        kit.fault("stall", "alarms"),
        kit.fault("status-503.retry-after-1.times-1", "patience"),
    )
    seen = call(returning_handler, stalling, answering, limit=60)
    assert seen["status"] == "ok"
    assert seen["raised"] == "maybe_sent"
    assert seen["during_retry"] >= 5, seen
    assert seen["calls"] >= 2 * 5, seen
    assert kit.counts("alarms")["requests_read"] == 1


def interrupt_while_others_wait(options: dict[str, Any]) -> dict[str, Any]:
    """Ctrl-C is for the main thread; calls of others end as they would have."""
    client = flowai.Client(**options, max_retries=0)
    ends: list[str] = []

    def stall() -> None:
        try:
            client.send_text("t", "Hello", timeout=1.5)
        except BaseException as error:
            ends.append(type(error).__name__)

    threads = [threading.Thread(target=stall) for _ in range(4)]
    for thread in threads:
        thread.start()
    later(0.3, interrupt)
    try:
        client.send_text("t", "main", timeout=LONG)
        raised = "nothing"
    except KeyboardInterrupt:
        raised = "KeyboardInterrupt"
    for thread in threads:
        thread.join()
    return {"raised": raised, "ends": ends}


def test_only_the_main_thread_is_interrupted() -> None:
    seen = call(interrupt_while_others_wait, server().fault("stall", "mainthread"), limit=60)
    assert seen == {"raised": "KeyboardInterrupt", "ends": ["APITimeoutError"] * 4}
