"""Signals while a call waits: Ctrl-C ends it at once, and handlers run."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import flowai
from children import call
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


class Waits:
    """Waits that take much longer than a test: each method is one."""

    def __init__(self, options: dict[str, dict[str, Any]], folder: str) -> None:
        self.options = options
        self.file = Path(folder, "large.bin")

    def _client(self, name: str, **more: Any) -> flowai.Client:
        return flowai.Client(**{"timeout": LONG, **self.options[name], **more})

    def send_text(self) -> None:
        self._client("stall").send_text("t", "Hello")

    def send_text_over_tls(self) -> None:
        self._client("stall_tls").send_text("t", "Hello")

    def answer_that_trickles(self) -> None:
        self._client("trickle").send_text("t", "Hello")

    def connect(self) -> None:
        self._client("blackhole", connect_timeout=LONG).send_text("t", "Hello")

    def pause_before_a_retry(self) -> None:
        self._client("retry").bot_status("t")

    def bot_status(self) -> None:
        self._client("stall").bot_status("t")

    def iter_history(self) -> None:
        list(self._client("stall").iter_history("t"))

    def iter_threads(self) -> None:
        list(self._client("stall").iter_threads())

    def ask_whose_reply_does_not_come(self) -> None:
        with flowai.Sandbox(bot="none", sync_replies=False) as sandbox, sandbox.client() as client:
            client.ask("t", "Hello", timeout=LONG)

    def ask_that_is_not_answered(self) -> None:
        self._client("stall").ask("t", "Hello")

    def upload_path(self) -> None:
        self._client("stop").upload_media("t", self.file, idle_timeout=LONG)

    def upload_file_object(self) -> None:
        with self.file.open("rb") as file:
            self._client("stop").upload_media("t", file, idle_timeout=LONG)

    def upload_endless_file(self) -> None:
        self._client("stop").upload_media("t", Endless(), idle_timeout=LONG)

    def upload_slow_file(self) -> None:
        self._client("ok").upload_media("t", Endless(pause=0.05), idle_timeout=LONG)

    def upload_bytes(self) -> None:
        self._client("stop").upload_media("t", bytes(20_000_000), idle_timeout=LONG)

    def receiver_next(self) -> None:
        with flowai.Receiver(verifier=None) as receiver:
            receiver.next(timeout=LONG)

    def receiver_next_without_end(self) -> None:
        with flowai.Receiver(verifier=None) as receiver:
            receiver.next()

    def receiver_wait(self) -> None:
        with flowai.Receiver(verifier=None) as receiver:
            receiver.wait(kind=flowai.EventKind.REPLY, thread_id="t", timeout=LONG)

    def receiver_iteration(self) -> None:
        with flowai.Receiver(verifier=None) as receiver:
            for _ in receiver:
                pass

    def wait_delivered(self) -> None:
        with flowai.Receiver(verifier=None) as receiver, flowai.Sandbox(webhook_url=receiver.url) as sandbox:
            receiver.close()
            sandbox.push({"type": "message.reply", "threadId": "t", "messages": []})
            sandbox.wait_delivered(LONG)

    def registration_of_a_webhook(self) -> None:
        flowai.Sandbox(webhook_url=self.options["mute"]["base_url"])


WAITS = [name for name in vars(Waits) if not name.startswith("_")]


def is_usable(options: dict[str, Any]) -> bool:
    client = flowai.Client(**options)
    return bool(client.send_text("t", "after").status == "ok")


def interrupted_wait(name: str, options: dict[str, dict[str, Any]], folder: str) -> dict[str, Any]:
    later(0.4, interrupt)
    began = time.monotonic()
    try:
        getattr(Waits(options, folder), name)()
        raised = "nothing"
    except BaseException as error:
        raised = type(error).__name__
    return {"raised": raised, "took": time.monotonic() - began, "usable": is_usable(options["ok"])}


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


@pytest.mark.parametrize("name", WAITS)
def test_ctrl_c_ends(name: str, tmp_path: Path) -> None:
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(100_000_000)
    seen = call(interrupted_wait, name, all_options(f"interrupt{name}"), str(tmp_path), limit=60)
    assert seen["raised"] == "KeyboardInterrupt", seen
    assert seen["took"] < SOON, seen
    assert seen["usable"], seen


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
