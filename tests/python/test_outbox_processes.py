"""The outbox when processes are killed, fork, are interrupted and end."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time

import pytest

import flowai
from children import call, finish, start_script, wait_for_forked
from vectors import server

LIMIT = 30.0
MESSAGES, THREADS = 300, 5
# Nobody listens there.
NOWHERE = {"api_key": "MY_MESSAGING_API_KEY", "base_url": "http://127.0.0.1:9/rest/v1/"}


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "outbox.db")


PUT_IN = """
import sys, flowai
path, base_url = sys.argv[1:]
outbox = flowai.Outbox.open(path, flowai.Client("k", base_url=base_url))
for trace_id in range(1, 1_000_000):
    outbox.send_text("t", "Hello", trace_id=trace_id)
    print(trace_id, flush=True)
"""


def test_what_was_put_in_survives_a_kill(path):
    for _ in range(3):
        process = start_script(PUT_IN, path, NOWHERE["base_url"])
        assert process.stdout is not None
        while process.stdout.readline() != "20\n":
            pass
        process.kill()
        told = [int(line) for line in finish(process, LIMIT).output.split()]
        with flowai.Client(**NOWHERE) as client, flowai.Outbox.open(path, client) as outbox:
            kept = [entry.trace_id for entry in outbox.list(limit=1_000_000)]
            for entry in outbox.list(limit=1_000_000):
                assert outbox.discard(entry.id)
        # One may be there of which it had no time to tell.
        assert kept == list(range(1, len(kept) + 1))
        assert max([20, *told]) <= len(kept) <= max([20, *told]) + 1


SEND = """
import sys, flowai
path, base_url = sys.argv[1:]
client = flowai.Client("MY_MESSAGING_API_KEY", base_url=base_url)
with flowai.Outbox.open(path, client, retry_min=0.01, retry_max=0.05) as outbox:
    print("open", flush=True)
    outbox.flush()
"""


def test_who_sends_is_killed_and_nothing_is_lost_or_sent_twice(path):
    options, dice, kills = server().fault("ok", "outboxkill"), random.Random(11), 0
    with flowai.Client(**NOWHERE) as client, flowai.Outbox.open(path, client) as outbox:
        for number in range(MESSAGES):
            outbox.send_text(f"t{number % THREADS}", "Hello", trace_id=number + 1)
    for _ in range(100):
        process = start_script(SEND, path, options["base_url"])
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        if kills < 10:
            time.sleep(dice.uniform(0, 0.05))
            process.kill()
            kills += process.poll() is None
        finished = finish(process, LIMIT * 2)
        if finished.code == 0:
            break
        assert finished.code == -signal.SIGKILL, finished.errors
    assert kills >= 3
    with flowai.Client(**NOWHERE) as client, flowai.Outbox.open(path, client) as outbox:
        reports = list(outbox.reports(timeout=0))
        assert outbox.stats().waiting == 0
    assert sorted(report.trace_id for report in reports) == list(range(1, MESSAGES + 1))
    sent, unknown = (sum(report.outcome == name for report in reports) for name in ("sent", "maybe_sent"))
    assert sent + unknown == MESSAGES
    # Only what was leaving when it was killed.
    assert unknown <= kills * THREADS
    counts = server().counts("outboxkill")
    assert counts["distinct"] == counts["requests_read"]
    assert sent <= counts["distinct"] <= MESSAGES


def open_again(path):
    try:
        flowai.Outbox.open(path, flowai.Client(**NOWHERE), lock_time=0)
    except flowai.StorageError as error:
        return str(error)
    return "opened"


def attached(path):
    with flowai.Client(**NOWHERE) as client, flowai.Outbox.attach(path, client) as outbox:
        receipts = [outbox.send_text("t", f"{number}").id for number in range(5)]
        outbox.upload_media("t", b"bytes", filename="a.txt")
        for use in (outbox.next_report, outbox.flush, lambda: next(outbox.reports())):
            with pytest.raises(flowai.InvalidArgumentError, match="owner"):
                use()
        assert outbox.stats().waiting <= 6
    return receipts


def test_one_owner_and_others_that_put_messages_in(path):
    with flowai.Sandbox() as sandbox, sandbox.client() as client:
        with flowai.Outbox.open(path, client) as outbox:
            for message in (call(open_again, path, limit=LIMIT), open_again(path)):
                assert "open" in message
                assert message != "opened"
            receipts = call(attached, path, limit=LIMIT)
            reports = outbox.reports(timeout=LIMIT)
            taken = [next(reports) for _ in range(6)]
        assert [report.id for report in taken[:5]] == receipts
        assert {report.outcome for report in taken} == {"sent"}
        assert [entry.text for entry in client.history("t").entries if entry.text][:1] == ["0"]
        # Without an owner they wait.
        assert len(call(attached, path, limit=LIMIT)) == 5
        with flowai.Outbox.open(path, client) as outbox:
            assert outbox.flush(timeout=LIMIT) == 0


CHILDREN, SENDS = 6, 4


def forked(path, options):
    """Children put messages in, with the parent's outbox and with their own; the parent sends them."""
    client = flowai.Client(**options)
    outbox = flowai.Outbox.open(path, client)
    stop = threading.Event()
    problems, busy = [], 0

    def send():
        nonlocal busy
        while not stop.is_set():
            try:
                outbox.send_text("parent", "Hello")
                busy += 1
            except BaseException as error:
                problems.append(repr(error))
                return

    def child(number):
        other = flowai.Outbox.attach(path, client)
        for count in range(SENDS):
            outbox.send_text(f"child{number}", f"{count}")
            other.send_text(f"other{number}", f"{count}")
        outbox.upload_media(f"child{number}", b"bytes", filename="a.txt")
        uses = (
            lambda: outbox.next_report(timeout=0),
            lambda: next(outbox.reports(timeout=0)),
            lambda: outbox.flush(timeout=0),
            lambda: outbox.stats(),
            lambda: outbox.list(),
            lambda: outbox.discard(1),
            lambda: outbox.close(),
        )
        for use in uses:
            with pytest.raises(flowai.ForkedError):
                use()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        for number in range(CHILDREN):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    with outbox:
                        child(number)
                    code = 0
                finally:
                    if number % 2 or code:
                        sys.stderr.flush()
                        os._exit(code)
                sys.exit(code)
            wait_for_forked([pid], LIMIT)
    finally:
        stop.set()
        thread.join()
    assert not problems, problems
    left = outbox.flush(timeout=LIMIT)
    outcomes: dict[str, list[str]] = {}
    for report in outbox.reports(timeout=0):
        text = report.message.to_dict().get("speech", "file")
        outcomes.setdefault(report.thread_id, []).append(f"{report.outcome} {text}")
    outbox.close()
    return {"left": left, "parent": [busy, len(outcomes.pop("parent"))], "children": outcomes}


def test_children_put_messages_in_and_the_parent_sends_them(path):
    seen = call(forked, path, server().fault("ok", "outboxfork"), limit=LIMIT * 4)
    assert seen["left"] == 0
    assert seen["parent"][0] == seen["parent"][1] > 0
    texts = [f"sent {count}" for count in range(SENDS)]
    wanted = {f"child{number}": [*texts, "sent file"] for number in range(CHILDREN)}
    assert seen["children"] == wanted | {f"other{number}": texts for number in range(CHILDREN)}
    counts = server().counts("outboxfork")
    assert counts["distinct"] == counts["requests_read"]


def interrupted(path, options, how):
    outbox = flowai.Outbox.open(path, flowai.Client(**options), close_time=0.1)
    waits = {
        "next_report": outbox.next_report,
        "reports": lambda: list(outbox.reports()),
        "flush": lambda: (outbox.send_text("t", "Hello"), outbox.flush()),
    }
    pid = os.getpid()
    threading.Timer(0.3, lambda: os.kill(pid, signal.SIGINT)).start()
    began = time.monotonic()
    try:
        waits[how]()
        raised = "nothing"
    except KeyboardInterrupt:
        raised = "KeyboardInterrupt"
    took = time.monotonic() - began
    usable = outbox.send_text("after", "Hello").thread_id == "after"
    return {"raised": raised, "took": took, "usable": usable}


@pytest.mark.parametrize("how", ["next_report", "reports", "flush"])
def test_ctrl_c_ends(path, how):
    seen = call(interrupted, path, server().fault("stall", f"outboxctrlc{how}"), how, limit=LIMIT)
    assert seen["raised"] == "KeyboardInterrupt"
    assert seen["took"] < 5
    assert seen["usable"]


OPEN = """
import flowai, os, sys, threading, time
path, base_url, number = sys.argv[1:]
client = flowai.Client("MY_MESSAGING_API_KEY", base_url=base_url, timeout=60)
outbox = flowai.Outbox.open(path + number, client)
outbox.send_text("t", "Hello")
"""
# What the process does, how the service behaves, and the exit code.
EXITS = {
    "messages that are sent": ("time.sleep(0.2)", "ok", 0),
    "a message that is leaving": ("time.sleep(0.3)\nsys.exit(3)", "stall", 3),
    "a message that cannot leave": ("time.sleep(0.2)", "status-503.retry-after-30", 0),
    "an attached one": (
        "other = flowai.Outbox.attach(path + number, client)\nother.send_text('t', 'Hi')",
        "ok",
        0,
    ),
    "threads that wait": (
        "for wait in (outbox.next_report, lambda: list(outbox.reports()), outbox.flush):\n"
        "    threading.Thread(target=wait, daemon=True).start()\n"
        "time.sleep(0.2)",
        "stall",
        0,
    ),
    "threads that put messages in": (
        "def put():\n"
        "    while True:\n"
        "        outbox.send_text('t', 'Hello')\n"
        "for _ in range(4):\n"
        "    threading.Thread(target=put, daemon=True).start()\n"
        "time.sleep(0.3)",
        "ok",
        0,
    ),
    "an exit in the block": ("with outbox:\n    sys.exit(5)", "ok", 5),
}


@pytest.mark.parametrize("name", EXITS)
def test_exit_with(name, path):
    script, behaviour, code = EXITS[name]
    base_url = server().fault(behaviour, f"outboxexit{code}{behaviour}")["base_url"]
    for batch in range(2):
        running = [start_script(OPEN + script, path, base_url, f"{batch}{number}") for number in range(5)]
        for finished in [finish(process, limit=LIMIT) for process in running]:
            assert finished.code == code, f"exit code {finished.code}\n{finished.errors}"
            assert finished.errors == ""
    with flowai.Client(**NOWHERE) as client, flowai.Outbox.open(f"{path}00", client, close_time=0) as outbox:
        report = outbox.next_report(timeout=0.1)
        if behaviour == "stall":
            assert report is not None
            assert report.outcome == "maybe_sent"
        else:
            assert report is None or report.outcome == "sent"
