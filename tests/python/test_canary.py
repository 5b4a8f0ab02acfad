"""Secrets appear nowhere: not in errors, their causes, attributes or pickles, not in reprs, not in logs."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import queue
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flowai
from children import finish, start
from flowai._flowai import run_cli
from vectors import CALLS, client_for, filled, load, perform, server, shown

# What is looked for, and in each secret.
CANARY = "5f1d8c0e7b"
KEY = f"key-{CANARY}"
SECRET = f"secret-{CANARY}-of-a-webhook-with-enough-bytes"
WORKERS = 8


class Seen:
    """All text that came out somewhere."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, value: object) -> None:
        self.lines.append(f"{value} {value!r} {attributes(value)}")
        with contextlib.suppress(TypeError, pickle.PicklingError, AttributeError):
            self.lines.append(pickle.dumps(value).decode("latin-1"))

    def error(self, error: BaseException) -> None:
        self.note(error)
        self.lines.append(shown(error))

    def hits(self) -> list[str]:
        return [line for line in self.lines if CANARY in line]


def attributes(value: object) -> list[str]:
    """Every public attribute that can be read without a call."""
    # What is given out on purpose, to those who ask for it by name.
    given_out = {"api_key", "webhook_secret"} if isinstance(value, flowai.Sandbox) else set()
    names = [name for name in dir(value) if not name.startswith("__") and name not in given_out]
    return [repr(getattr(value, name, None)) for name in names]


class Keep(logging.Handler):
    """Every record of every library, with all that it carries."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(logging.NOTSET)
        self.seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.lines.append(f"{record.getMessage()} {vars(record)!r}")


@contextlib.contextmanager
def logs(seen: Seen) -> Iterator[None]:
    root, keep = logging.getLogger(), Keep(seen)
    level = root.level
    root.addHandler(keep)
    root.setLevel(logging.NOTSET)
    try:
        yield
    finally:
        root.removeHandler(keep)
        root.setLevel(level)


def call_with_key(vector: dict[str, Any], seen: Seen) -> bool:
    """Makes the call of a vector with the canary as its key; gives whether there was a call to make."""
    run = "canary"
    hurry = {"api_key": KEY, "timeout": 0.5, "connect_timeout": 0.4, "max_retries": 0}
    options = {**vector.get("client", {}), **hurry}
    try:
        client = client_for({**vector, "client": options}, run)
    except flowai.InvalidArgumentError as error:
        seen.error(error)
        return False
    seen.note(client)
    try:
        seen.note(perform(client, filled(vector, "call", run)))
    except flowai.FlowAIError as error:
        seen.error(error)
    return True


def call_everything(vectors: list[dict[str, Any]], seen: Seen) -> int:
    """How many calls were made."""
    waiting: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    made: list[bool] = []

    def work() -> None:
        while (vector := waiting.get()) is not None:
            made.append(call_with_key(vector, seen))

    for vector in [*vectors, *[None] * WORKERS]:
        waiting.put(vector)
    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(vectors)
    return sum(made)


def test_the_key_is_in_no_error_repr_or_log() -> None:
    seen = Seen()
    with logs(seen), warnings.catch_warnings(record=True) as warned:
        vectors = [vector for area in (*CALLS, "outcomes") for vector in load(area)]
        # A file beyond the limit is refused before a key is looked at.
        vectors = [v for v in vectors if v["call"]["args"].get("file", {}).get("fill", 0) < 2**27]
        calls = call_everything(vectors, seen)
        seen.lines.extend(str(warning.message) for warning in warned)
    assert calls > 550
    assert len(seen.lines) > 2 * calls
    assert not seen.hits()


@pytest.mark.parametrize(
    "typed",
    [f"{KEY}\x7f", f"{KEY} x", f"Bearer  {KEY}\n\nx", f"{KEY}é", f"{KEY}\ud800", f"{KEY}\0"],
    ids=repr,
)
def test_a_refused_key_is_not_quoted(typed: str) -> None:
    seen = Seen()
    with pytest.raises(flowai.InvalidArgumentError) as caught:
        flowai.Client(typed)
    assert caught.value.argument == "api_key"
    seen.error(caught.value)
    assert not seen.hits()


def test_a_key_of_the_wrong_type_is_not_quoted() -> None:
    seen = Seen()
    with pytest.raises(TypeError) as caught:
        flowai.Client(KEY.encode())  # type: ignore[arg-type]
    seen.error(caught.value)
    with pytest.raises(TypeError) as caught:
        pickle.dumps(flowai.Client(KEY))
    seen.error(caught.value)
    assert not seen.hits()


def test_the_password_of_a_proxy_is_in_no_error_or_repr() -> None:
    seen = Seen()
    kit = server()
    for manner in ("proxy_407", "proxy_502", "proxy_garbage", "proxy_hang_up", "refused"):
        proxy = kit.values[manner].replace("://", f"://user:{KEY}@")
        for base_url in ("https://api.flow.test/rest/v1/", "http://api.flow.test/rest/v1/"):
            client = flowai.Client("K", base_url=base_url, proxy=proxy, allow_http=True, max_retries=0)
            seen.note(client)
            with pytest.raises(flowai.FlowAIError) as caught:
                client.send_text("t", "Hello")
            seen.error(caught.value)
    for proxy in (f"http://user:{KEY}@", f"nothing://user:{KEY}@127.0.0.1:1", f"user:{KEY}@127.0.0.1"):
        with contextlib.suppress(flowai.InvalidArgumentError):
            try:
                seen.note(flowai.Client("K", proxy=proxy))
            except flowai.InvalidArgumentError as error:
                seen.error(error)
                raise
    with pytest.raises(flowai.InvalidArgumentError) as caught:
        flowai.Client("K", base_url=f"https://user:{KEY}@127.0.0.1/rest/v1/")
    seen.error(caught.value)
    assert len(seen.lines) > 20
    assert not seen.hits()


def test_secrets_of_webhooks_are_in_no_error_repr_or_log() -> None:
    seen = Seen()
    with logs(seen):
        verifiers = [
            flowai.Verifier.jwt(SECRET),
            flowai.Verifier.jwt([SECRET, SECRET + "2"], require_exp=True),
            flowai.Verifier.header("x-secret", SECRET),
            flowai.Verifier.body_key(SECRET),
        ]
        verifiers.append(flowai.Verifier.any(*verifiers))
        for verifier in verifiers:
            seen.note(verifier)
            for headers in (
                {},
                {"authorization": f"Bearer {CANARY}.{CANARY}.{CANARY}", "x-secret": CANARY},
                {"authorization": CANARY, "x-access-token": CANARY},
            ):
                with pytest.raises(flowai.WebhookVerificationError) as caught:
                    verifier.verify(json.dumps({"verifyKey": CANARY, "verifyToken": CANARY}), headers)
                seen.error(caught.value)
        with pytest.raises(flowai.InvalidArgumentError) as refused:
            flowai.Verifier.jwt(CANARY)
        seen.error(refused.value)
        with (
            flowai.Receiver(verifier=verifiers[0]) as receiver,
            flowai.Sandbox(api_key=KEY, webhook_url=receiver.url, webhook_secret=SECRET) as sandbox,
        ):
            client = sandbox.client()
            client.send_text("t", "Hello")
            event = receiver.wait(kind=flowai.EventKind.REPLY, timeout=20)
            assert event is not None
            assert sandbox.wait_delivered(20)
            with pytest.raises(flowai.AuthenticationError) as denied:
                flowai.Client(KEY + "wrong", base_url=sandbox.base_url).send_text("t", "Hello")
            seen.error(denied.value)
            shown_to_users: list[object] = [receiver, sandbox, client, event]
            for value in [*shown_to_users, *sandbox.requests, *sandbox.deliveries]:
                seen.note(value)
    assert len(seen.lines) > 40
    assert not seen.hits()


def some_calls() -> int:
    """Calls of every kind of end, for a process whose standard error is looked at."""
    # The command starts the logger that FLOWAI_LOG asks for, for the whole process.
    base_url = server().fault("ok", "canarylog")["base_url"]
    assert run_cli(["flowai", "--api-key", KEY, "--base-url", base_url, "send", "text", "t", "Hello"]) == 0
    seen = Seen()
    words = "-send ok-upload ok-status -send-tls refused unknown-ca proxy status-401 garbage reset stall-send"
    ids = words.split()
    vectors = [v for v in load("outcomes") if any(v["id"].startswith(i) or i in v["id"] for i in ids)]
    return call_everything(vectors, seen)


def test_the_key_is_not_on_standard_error(tmp_path: Path) -> None:
    for level in ("trace", "flowai=trace,debug"):
        env = {"FLOWAI_LOG": level, "RUST_LOG": level, "RUST_BACKTRACE": "1"}
        finished = finish(start(some_calls, env=env), limit=120)
        assert finished.code == 0, finished.errors
        assert int(finished.output.splitlines()[-1]) > 50
        lines = finished.errors.splitlines()
        assert len([line for line in lines if "send_text" in line]) > 20, "the log is not being kept"
        assert not [line for line in lines if CANARY in line]


def test_the_key_of_the_environment_is_in_no_repr() -> None:
    seen = Seen()
    os.environ["FLOWAI_API_KEY"] = KEY
    try:
        client = flowai.Client(base_url=server().fault("ok", "canaryenv")["base_url"])
    finally:
        del os.environ["FLOWAI_API_KEY"]
    seen.note(client)
    assert client.send_text("t", "Hello").status == "ok"
    assert not seen.hits()
