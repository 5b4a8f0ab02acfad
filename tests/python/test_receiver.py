"""The receiver: what it takes, what it refuses, how it waits and ends."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

import flowai
from conftest import SECRET
from flowai import EventKind
from test_events import token


def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    request = urllib.request.Request(url, body, headers or {}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture
def receiver():
    with flowai.Receiver(verifier=None) as receiver:
        yield receiver


def test_the_whole_way_round(loop):
    client, receiver, sandbox = loop
    receipt = client.send_text("thread-1", "Hello")
    delivered = receiver.wait(kind=EventKind.DELIVERED, thread_id="thread-1", timeout=10)
    assert delivered.text == "Hello"
    assert delivered.trace_id == receipt.trace_id
    reply = receiver.wait(kind=EventKind.REPLY, thread_id="thread-1", timeout=10)
    assert reply.text == "Hello"
    client.pause("thread-1")
    assert receiver.next(timeout=10).kind is EventKind.PAUSED
    client.request_bot_status("thread-1")
    assert receiver.wait(kind=EventKind.BOT_STATUS, timeout=10).is_paused is True
    client.request_history("thread-1")
    history = receiver.wait(kind=EventKind.HISTORY, timeout=10)
    assert [entry.messages[0].text for entry in history.history] == ["Hello", "Hello"]
    client.request_business_hours()
    hours = receiver.wait(kind=EventKind.BUSINESS_HOURS, timeout=10)
    assert hours.business_hours == tuple(client.business_hours())
    assert sandbox.wait_delivered(10)


def test_a_verifier_has_to_be_given():
    with pytest.raises(TypeError, match="required keyword"):
        flowai.Receiver()
    with pytest.raises(TypeError, match="Verifier"):
        flowai.Receiver(verifier=SECRET)


def test_only_genuine_calls_are_taken():
    with flowai.Receiver(verifier=flowai.Verifier.jwt(SECRET), path="/hook") as receiver:
        assert receiver.url.endswith("/hook")
        assert post(receiver.url, b'{"type": "paused"}') == 401
        assert (
            post(receiver.url, b'{"type": "paused"}', {"Authorization": "Bearer " + token("x" * 32)}) == 401
        )
        assert post(receiver.url, b"nonsense", {"Authorization": token()}) == 400
        assert post(receiver.url + "/other", b'{"type": "paused"}', {"Authorization": token()}) == 404
        assert receiver.next(timeout=0) is None
        assert post(receiver.url, b'{"type": "resumed"}', {"Authorization": token()}) // 100 == 2
        assert receiver.next(timeout=10).kind is EventKind.RESUMED


def test_timeouts(receiver):
    began = time.monotonic()
    assert receiver.next(timeout=0) is None
    assert receiver.next(timeout=0.1) is None
    assert receiver.wait(kind=EventKind.REPLY, timeout=0.1) is None
    assert time.monotonic() - began > 0.19
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(flowai.InvalidArgumentError) as caught:
            receiver.next(timeout=wrong)
        assert caught.value.argument == "timeout"
    with pytest.raises(TypeError):
        receiver.next(timeout="1")
    assert receiver.next(0.1) is None


def test_a_kind_has_a_name_and_a_number(receiver):
    for kind in (EventKind.REPLY, 1, "reply", "Reply", "REPLY"):
        post(receiver.url, b'{"type": "message.reply"}')
        assert receiver.wait(kind="delivered", timeout=0) is None
        assert receiver.wait(kind=kind, timeout=10).kind is EventKind.REPLY
    for wrong in (99, 2**40, -1, "message.reply", ""):
        with pytest.raises(
            flowai.InvalidArgumentError, match=r"one of unknown \(0\), reply \(1\),.* outbound \(12\)"
        ) as caught:
            receiver.wait(kind=wrong)
        assert caught.value.argument == "kind"
    for wrong in (True, 1.0, b"reply"):
        with pytest.raises(TypeError, match="an EventKind, its number or its name"):
            receiver.wait(kind=wrong)


def test_waiting_for_one_leaves_the_others_in_order(receiver):
    for name in ("paused", "message.reply", "resumed"):
        post(receiver.url, b'{"type": "%s", "threadId": "a|b"}' % name.encode())
    assert receiver.wait(kind=EventKind.REPLY, thread_id="a", timeout=10).type == "message.reply"
    assert receiver.wait(thread_id="c", timeout=0) is None
    assert [receiver.next(timeout=10).type for _ in range(2)] == ["paused", "resumed"]


def test_iteration_ends_when_it_is_closed(receiver):
    post(receiver.url, b'{"type": "paused"}')
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(event.type for event in receiver))
    reader.start()
    receiver.close()
    reader.join(10)
    assert not reader.is_alive()
    assert seen == ["paused"]
    with pytest.raises(flowai.ClosedError):
        receiver.next()
    receiver.close()
    assert list(receiver) == []


def test_each_event_is_handed_out_once(receiver):
    seen = []
    readers = [
        threading.Thread(target=lambda: seen.extend(event.thread_id for event in receiver)) for _ in range(4)
    ]
    for reader in readers:
        reader.start()
    for number in range(50):
        post(receiver.url, b'{"type": "paused", "threadId": "%d"}' % number)
    receiver.close()
    for reader in readers:
        reader.join(10)
    assert sorted(seen, key=int) == [str(number) for number in range(50)]


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"listen": "nowhere"}, "listen"),
        ({"path": "webhook"}, "path"),
        ({"path": "/a b"}, "path"),
        ({"tls": ("/no/such/cert.pem", "/no/such/key.pem")}, "tls"),
    ],
)
def test_wrong_arguments_are_named(options, argument):
    with pytest.raises(flowai.InvalidArgumentError) as caught:
        flowai.Receiver(verifier=None, **options)
    assert caught.value.argument == argument


def test_files_for_tls_that_cannot_be_read_say_why(tmp_path):
    with pytest.raises(
        flowai.InvalidArgumentError, match=r"cert.pem: cannot be read: No such file"
    ) as caught:
        flowai.Receiver(verifier=None, tls=(tmp_path / "cert.pem", tmp_path / "key.pem"))
    assert caught.value.errno == errno.ENOENT
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_taken_address_is_a_connection_error(receiver):
    address = receiver.url.split("/")[2]
    with pytest.raises(flowai.APIConnectionError) as caught:
        flowai.Receiver(verifier=None, listen=address)
    assert isinstance(caught.value, ConnectionError)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.errno == errno.EADDRINUSE


def test_a_child_gets_an_error_and_the_parent_goes_on(receiver):
    program = """
import os, sys, flowai
with flowai.Receiver(verifier=None) as receiver:
    child = os.fork()
    if child == 0:
        for call in (lambda: receiver.next(timeout=0), lambda: next(receiver), receiver.close):
            try:
                call()
            except flowai.ForkedError:
                continue
            os._exit(1)
        sys.exit(7)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert receiver.next(timeout=0) is None
sys.exit(status)
"""
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", program], timeout=60, check=False)
    assert result.returncode == 7


def test_repr_and_docs(receiver):
    assert f":{receiver.port}/" in receiver.url
    assert repr(receiver) == f"<flowai.Receiver url='{receiver.url}'>"
    assert "handed out once" in flowai.Receiver.__doc__
