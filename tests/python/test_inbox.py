"""The inbox: what is received is kept, handled in order, tried again, and never lost."""

from __future__ import annotations

import json
import logging
import pickle
import threading
import time
from pathlib import Path

import pytest

import flowai
from children import call
from conftest import SECRET
from test_events import token
from test_receiver import post

LIMIT = 30.0


def body(thread: str, number: int = 0, kind: str = "message.reply") -> bytes:
    """An event of a thread, with an identity unless it is a pause."""
    data: dict[str, object] = {"type": kind, "threadId": thread}
    if kind == "message.reply":
        data |= {"activityId": f"{thread}/{number}", "messages": [{"fallback": str(number)}]}
    return json.dumps(data).encode()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "inbox.db"


@pytest.fixture
def inbox(path):
    with flowai.Inbox.open(path, retry_min=0, max_attempts=3) as inbox:
        yield inbox


def all_handled(inbox):
    return lambda: inbox.stats().waiting == 0


def test_a_call_is_safe_before_it_is_acknowledged(inbox, path):
    with flowai.Receiver(inbox, verifier=flowai.Verifier.jwt(SECRET), health="/how") as receiver:
        assert post(receiver.url, body("t"), {"Authorization": token()}) // 100 == 2
        with flowai.Inbox.attach(path) as other:
            assert [entry.thread_id for entry in other.list()] == ["t"]
            with pytest.raises(flowai.InvalidArgumentError, match="owner"):
                other.next(timeout=0)
        for take in (
            lambda: receiver.next(timeout=0),
            lambda: receiver.wait(timeout=0),
            lambda: next(receiver),
        ):
            with pytest.raises(flowai.InvalidArgumentError, match="in an inbox; take them from there"):
                take()
        inbox.close()
        assert post(receiver.url, body("u"), {"Authorization": token()}) == 503
    with flowai.Inbox.open(path) as inbox:
        assert [delivery.event.raw for delivery in iter(lambda: inbox.next(timeout=0), None)] == [body("t")]


def test_where_the_receiver_tells_how_it_is_doing(inbox):
    for health, statuses in (("/how", (200, 404)), (None, (404, 404)), ("/health", (404, 200))):
        with flowai.Receiver(inbox, verifier=None, path="/hook", health=health) as receiver:
            base = receiver.url.removesuffix("/hook")
            assert tuple(get(base + path) for path in ("/how", "/health")) == statuses
    with pytest.raises(flowai.InvalidArgumentError) as caught:
        flowai.Receiver(verifier=None, health="nowhere")
    assert caught.value.argument == "health"


def get(url):
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_outcomes(inbox):
    inbox.put(body("t"))
    delivery = inbox.next(timeout=0)
    assert (delivery.id, delivery.attempt, delivery.replayed, delivery.maybe_duplicate) == (
        1,
        1,
        False,
        False,
    )
    assert abs(delivery.received_at_ms / 1000 - time.time()) < 600
    assert delivery.event.thread_id == "t"
    delivery.heartbeat()
    assert not delivery.is_settled
    delivery.retry(after=0)
    assert delivery.is_settled
    with pytest.raises(flowai.InvalidArgumentError, match="before"):
        delivery.ack()
    delivery = inbox.next(timeout=LIMIT)
    assert delivery.attempt == 2
    delivery.fail("no luck")
    assert inbox.list()[0].error == "no luck"
    delivery = inbox.next(timeout=LIMIT)
    delivery.dead("no hope")
    assert inbox.next(timeout=0) is None
    entry = inbox.list(state="dead")[0]
    assert (entry.state, entry.error, entry.attempts) == ("dead", "no hope", 3)
    assert inbox.stats() == flowai.Inbox.stats(inbox)
    assert (inbox.stats().waiting, inbox.stats().dead) == (0, 1)


def test_a_block_says_what_became_of_its_event(path):
    inbox = flowai.Inbox.open(path)
    for number in range(4):
        inbox.put(body(str(number)))
    with inbox.next(timeout=0):
        pass
    with pytest.raises(ZeroDivisionError), inbox.next(timeout=0) as delivery:
        print(1 / 0)
    # What was said in the block counts.
    with inbox.next(timeout=0) as delivery:
        delivery.dead("never")
    with pytest.raises(flowai.InvalidArgumentError, match="before"), inbox.next(timeout=0) as delivery:
        assert delivery.ack() or delivery.ack()
    assert [entry.state for entry in inbox.list()] == ["handled", "waiting", "dead", "handled"]
    error = inbox.list()[1].error
    assert error.startswith("Traceback (most recent call last):\n")
    assert error.endswith("ZeroDivisionError: division by zero")
    assert "print(1 / 0)" in error
    inbox.close()


def test_an_event_that_comes_again(inbox):
    first, again = inbox.put(body("t", 1))[0], inbox.put(body("t", 1))[0]
    assert (first.duplicate, again.duplicate, again.id) == (False, True, first.id)
    # Nothing tells these from each other, so none is left out.
    for kind in ("paused", "resumed", "paused"):
        assert not inbox.put(body("p", kind=kind))[0].duplicate
    taken = []
    while (delivery := inbox.next(timeout=0)) is not None:
        with delivery:
            taken.append((delivery.event.type, delivery.maybe_duplicate))
    assert taken == [("message.reply", False), ("paused", False), ("resumed", False), ("paused", True)]


def test_what_cannot_be_read_is_a_dead_letter(inbox):
    assert inbox.put(b"nonsense")[0].dead
    assert inbox.next(timeout=0) is None
    entry, kept = inbox.show(1)
    assert (entry.state, kept) == ("dead", b"nonsense")
    with pytest.raises(flowai.WebhookParseError):
        inbox.replay(1)
    assert inbox.discard(1) is True
    assert inbox.discard(1) is False
    assert inbox.show(1) is None


def test_replay_forget_and_lists(inbox):
    odd = b' {"threadId":"a|c", "type":"message.reply","x":1.50}\n'
    inbox.put(odd)
    with inbox.next(timeout=0):
        pass
    assert inbox.replay(1) == [2]
    assert inbox.replay(99) == []
    with inbox.next(timeout=0) as delivery:
        assert delivery.replayed
        assert inbox.show(2)[1] == delivery.event.raw == inbox.show(1)[1]
        assert delivery.event.raw.strip() == odd.strip()
        with pytest.raises(flowai.InvalidArgumentError, match="being handled"):
            inbox.discard(2)
    assert [entry.replay_of for entry in inbox.list()] == [None, 1]
    assert [entry.id for entry in inbox.list(after=1)] == [2]
    assert [entry.id for entry in inbox.list(limit=1)] == [1]
    assert inbox.list(state="waiting") == []
    assert len(inbox.list(thread_id="a|c")) == 2
    assert inbox.forget("a") == 2
    assert inbox.list() == []
    for wrong, argument in (({"state": "lost"}, "state"), ({"thread_id": "\ud800"}, "thread_id")):
        with pytest.raises(flowai.InvalidArgumentError) as caught:
            inbox.list(**wrong)
        assert caught.value.argument == argument
    with pytest.raises(flowai.InvalidArgumentError, match="empty"):
        inbox.forget("")


def test_functions_handle_threads_in_parallel_and_each_in_order(inbox):
    for number in range(30):
        for thread in "abcdef":
            inbox.put(body(thread, number))
    seen, at_once, most, busy = {}, set(), [], threading.Lock()

    def handle(delivery):
        thread = delivery.event.thread_id
        with busy:
            assert thread not in at_once
            at_once.add(thread)
            most.append(len(at_once))
        time.sleep(0.001)
        seen.setdefault(thread, []).append(int(delivery.event.text))
        with busy:
            at_once.remove(thread)

    inbox.handle(handle, workers=4, stop=all_handled(inbox))
    assert seen == {thread: list(range(30)) for thread in "abcdef"}
    assert 2 <= max(most) <= 4
    assert all(entry.state == "handled" for entry in inbox.list(limit=1000))


def test_functions_run_on_threads_of_python_that_are_gone_afterwards(inbox):
    for number in range(50):
        inbox.put(body("t", number))
    local, threads, before = threading.local(), set(), set(threading.enumerate())

    def handle(delivery):
        thread = threading.current_thread()
        assert isinstance(thread, threading.Thread)
        assert not type(thread).__name__.startswith("_Dummy")
        local.count = getattr(local, "count", 0) + 1
        threads.add((thread.name, local.count))

    inbox.handle(handle, workers=1, stop=all_handled(inbox))
    assert threads == {("flowai-inbox-1", count) for count in range(1, 51)}
    assert set(threading.enumerate()) == before


def test_a_function_that_fails_is_tried_again_and_then_given_up(inbox, caplog):
    inbox.put(body("t", 1))
    inbox.put(body("t", 2))
    attempts = []

    def handle(delivery):
        attempts.append((delivery.event.text, delivery.attempt))
        if delivery.event.text == "1":
            raise RuntimeError("who knows why")

    with caplog.at_level(logging.DEBUG, "flowai.inbox"):
        inbox.handle(handle, stop=all_handled(inbox))
    # The thread goes on once its first event is given up.
    assert attempts == [("1", 1), ("1", 2), ("1", 3), ("2", 1)]
    entry = inbox.list(state="dead")[0]
    assert "in handle" in entry.error
    assert "RuntimeError: who knows why" in entry.error
    records = [record for record in caplog.records if record.name == "flowai.inbox" and record.exc_info]
    assert [record.levelname for record in records] == ["WARNING", "WARNING", "ERROR"]
    assert records[0].getMessage() == "event 1 of the inbox was not handled in attempt 1 of 3"
    assert records[0].exc_info[0] is RuntimeError
    assert records[0].exc_info[2] is not None


def test_a_long_traceback_is_cut(inbox):
    inbox.put(body("t"))

    def handle(delivery):
        raise RuntimeError("é" * 100_000 + "the end")

    inbox.handle(handle, stop=lambda: inbox.stats().dead == 1)
    error = inbox.list()[0].error
    assert len(error) < 5000
    assert error.startswith("...")
    assert "the end" in error


def test_a_function_can_say_itself_what_became_of_its_event(inbox):
    for number in range(3):
        inbox.put(body(str(number)))

    def handle(delivery):
        if delivery.id == 1:
            delivery.dead("not ours")
        elif delivery.id == 2:
            with delivery:
                pass
        else:
            delivery.ack()
            raise RuntimeError("after that")

    inbox.handle(handle, stop=all_handled(inbox))
    assert [entry.state for entry in inbox.list()] == ["dead", "handled", "handled"]


@pytest.mark.parametrize("wrong", ["coroutine", "SystemExit", "KeyboardInterrupt"])
def test_what_ends_handling(inbox, wrong):
    async def coroutine(delivery):
        pass

    def leave(delivery):
        raise {"SystemExit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt}[wrong]("enough")

    inbox.put(body("t"))
    expected = TypeError if wrong == "coroutine" else BaseException
    with pytest.raises(expected, match=r"enough|must not be a coroutine function"):
        inbox.handle(coroutine if wrong == "coroutine" else leave)
    assert inbox.list()[0].state == "waiting"


def test_stopping(inbox, path):
    inbox.handle(print, stop=lambda: True)
    closed = threading.Timer(0.2, inbox.close)
    closed.start()
    inbox.handle(print)
    closed.join()
    assert list(inbox) == []
    inbox.close()
    inbox.handle(print)
    for use in (inbox.next, inbox.stats, inbox.list, lambda: inbox.put(b"{}"), lambda: inbox.replay(1)):
        with pytest.raises(flowai.ClosedError):
            use()
    with flowai.Inbox.open(path) as inbox:
        with pytest.raises(ZeroDivisionError):
            inbox.handle(print, stop=lambda: 1 / 0)
        for wrong, error in (
            ({"workers": 0}, ValueError),
            ({"stop": 3}, TypeError),
            ({"workers": "4"}, TypeError),
        ):
            with pytest.raises(error, match=next(iter(wrong))):
                inbox.handle(print, **wrong)
        with pytest.raises(TypeError, match="function must be callable"):
            inbox.handle(None)


def test_what_was_given_up_by_nobody_comes_again(path):
    with flowai.Inbox.open(path, lease_time=1.5, retry_min=0) as inbox:
        inbox.put(body("t"))
        delivery = inbox.next(timeout=0)
        again = inbox.next(timeout=LIMIT)
        assert (again.id, again.attempt) == (delivery.id, 2)
        with pytest.raises(flowai.ClosedError, match="lease"):
            delivery.ack()
        del again
        # It was thrown away, which is a failure.
        third = inbox.next(timeout=LIMIT)
        assert third.attempt == 3

        def slow(delivery):
            time.sleep(4.0)

        third.retry(after=0)
        inbox.handle(slow, stop=all_handled(inbox))
        assert [entry.attempts for entry in inbox.list()] == [4]


def test_options(tmp_path):
    for name in ("lease_time", "retry_min", "keep_handled", "keep_dead", "lock_time"):
        with pytest.raises(flowai.InvalidArgumentError) as caught:
            flowai.Inbox.open(tmp_path / "a.db", **{name: -1})
        assert caught.value.argument == name
    for wrong in ({"lease_time": 0}, {"max_attempts": 0}, {"deduplication": 60}, {"max_attempts": 2**32}):
        with pytest.raises(flowai.InvalidArgumentError, match=next(iter(wrong))):
            flowai.Inbox.open(tmp_path / "a.db", **wrong)
    with pytest.raises(TypeError):
        flowai.Inbox.open(7)
    with pytest.raises(TypeError):
        flowai.Inbox("a.db")
    assert list(tmp_path.iterdir()) == []
    options = {"lease_time": 1, "max_attempts": 1, "keep_dead": 1, "max_bytes": 10**9, "retry_max": 1}
    with flowai.Inbox.open(str(tmp_path / "a.db"), **options) as inbox:
        assert inbox.path == tmp_path / "a.db"
        assert repr(inbox) == f'<flowai.Inbox path="{tmp_path / "a.db"}">'


def test_storage_that_fails(tmp_path):
    (tmp_path / "text.db").write_text("this is no database " * 1000)
    for wrong in (tmp_path / "missing" / "a.db", tmp_path, tmp_path / "text.db"):
        with pytest.raises(flowai.StorageError) as caught:
            flowai.Inbox.open(wrong)
        assert isinstance(caught.value, OSError)
        assert str(wrong) in str(caught.value)
    with pytest.raises(flowai.StorageError):
        flowai.Inbox.attach(tmp_path / "none.db")


def open_again(path):
    try:
        flowai.Inbox.open(path, lock_time=0)
    except flowai.StorageError as error:
        return str(error)
    return "opened"


def test_a_second_owner_is_refused(inbox, path):
    for message in (call(open_again, str(path), limit=LIMIT), open_again(path)):
        assert "open" in message
        assert message != "opened"
        assert str(path) in message
    inbox.close()
    assert call(open_again, str(path), limit=LIMIT) == "opened"


def test_facts_are_values(inbox):
    stored = inbox.put(body("t"))[0]
    for value in (stored, inbox.list()[0], inbox.stats()):
        again = pickle.loads(pickle.dumps(value))
        assert again == value
        assert hash(again) == hash(value)
        assert repr(again) == repr(value)
        assert value != 1
        assert value.__match_args__[0] in repr(value)
    match inbox.list()[0]:
        case flowai.InboxEntry(id=number, state="waiting"):
            assert number == 1
    delivery = inbox.next(timeout=0)
    assert repr(delivery).startswith("Delivery(id=1, attempt=1, event=Event(")
    assert type(delivery.event) is flowai.Event


def test_paths_may_be_paths_or_text(tmp_path):
    for path in (tmp_path / "a.db", str(tmp_path / "a.db")):
        with flowai.Inbox.open(path) as inbox:
            assert isinstance(inbox.path, Path)
