"""The inbox when processes are killed, fork, are interrupted and end."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time

import pytest

import flowai
from children import call, finish, start, start_script, wait_for_forked
from test_inbox import body, open_again
from test_receiver import post

LIMIT = 30.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "inbox.db"


EVENTS, THREADS = 60, 5

HANDLE = """
import os, sys, time, flowai
path, log, how = sys.argv[1:]
out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def handle(delivery):
    # One write, so that it is there whole or not at all.
    os.write(out, f"{delivery.event.thread_id} {delivery.event.text}\\n".encode())
    time.sleep(0.002)

with flowai.Inbox.open(path, max_attempts=1000) as inbox:
    print("open", flush=True)
    if how == "handle":
        inbox.handle(handle, workers=3, stop=lambda: inbox.stats().waiting == 0)
    else:
        while inbox.stats().waiting:
            delivery = inbox.next(timeout=1)
            if delivery is not None:
                with delivery:
                    handle(delivery)
print("done", flush=True)
"""


@pytest.mark.parametrize("how", ["handle", "next"])
def test_kill_loses_nothing(path, tmp_path, how):
    """Whoever handles is killed again and again; each event is handled, those of a thread in order."""
    with flowai.Inbox.open(path) as inbox:
        for number in range(EVENTS):
            for thread in range(THREADS):
                inbox.put(body(f"t{thread}", number))
    log = tmp_path / "log"
    log.touch()
    kills, dice = 0, random.Random(7)
    for _ in range(200):
        process = start_script(HANDLE, str(path), str(log), how)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        if kills < 8:
            time.sleep(dice.uniform(0, 0.08))
            process.kill()
            kills += process.poll() is None
        finished = finish(process, LIMIT * 2)
        if finished.code == 0:
            break
        assert finished.code == -signal.SIGKILL, finished.errors
    assert kills >= 3
    handled = [line.split() for line in log.read_text().splitlines()]
    for thread in range(THREADS):
        numbers = [int(number) for name, number in handled if name == f"t{thread}"]
        assert sorted(set(numbers)) == list(range(EVENTS))
        first = sorted(set(numbers), key=numbers.index)
        assert first == list(range(EVENTS))
        # Only what was in hand when it was killed came again.
        assert len(numbers) <= EVENTS + kills
    with flowai.Inbox.open(path) as inbox:
        assert {entry.state for entry in inbox.list(limit=1000)} == {"handled"}


def forked(path):
    """A child is told that the inbox is its parent's, who goes on."""
    inbox = flowai.Inbox.open(path)
    receiver = flowai.Receiver(inbox, verifier=None)
    inbox.put(body("held"))
    held = inbox.next(timeout=0)
    taken = []
    taker = threading.Thread(target=lambda: taken.extend((d.event.thread_id, d.ack()) for d in inbox))
    taker.start()
    uses = [
        lambda: inbox.next(timeout=0),
        lambda: next(inbox),
        lambda: inbox.handle(print),
        lambda: inbox.put(body("x")),
        lambda: inbox.stats(),
        lambda: inbox.list(),
        lambda: inbox.forget("x"),
        lambda: inbox.close(),
        lambda: held.ack(),
        lambda: receiver.next(timeout=0),
        lambda: flowai.Inbox.open(str(path) + ".other"),
    ]
    for number in range(10):
        post(receiver.url, body(f"p{number}"))
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                with inbox:
                    for use in uses:
                        try:
                            use()
                        except flowai.ForkedError:
                            continue
                        sys.exit(2)
                code = 0
            finally:
                if number % 2:
                    os._exit(code)
            sys.exit(code)
        wait_for_forked([pid], LIMIT)
    held.ack()
    while inbox.stats().waiting:
        time.sleep(0.01)
    receiver.close()
    inbox.close()
    taker.join()
    return sorted(name for name, _ in taken)


def test_children_get_an_error_and_the_parent_goes_on(path):
    assert call(forked, str(path), limit=LIMIT * 4) == [f"p{number}" for number in range(10)]


def fork_in_a_function(path):
    inbox = flowai.Inbox.open(path)
    for number in range(4):
        inbox.put(body(str(number)))

    def handle(delivery):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        wait_for_forked([pid], LIMIT)

    inbox.handle(handle, workers=2, stop=lambda: inbox.stats().waiting == 0)
    return [entry.state for entry in inbox.list()]


def test_a_function_may_fork(path):
    assert call(fork_in_a_function, str(path), limit=LIMIT * 2) == ["handled"] * 4


def interrupted(path, how):
    inbox = flowai.Inbox.open(path)
    ended = []

    def wait():
        if how == "iteration":
            for _ in inbox:
                pass
        elif how == "next":
            inbox.next()
        elif how == "handle":
            inbox.handle(print)
        else:
            # What runs is finished first.
            inbox.put(body("t"))
            inbox.handle(lambda delivery: (time.sleep(0.6), ended.append(1)))

    pid = os.getpid()
    threading.Timer(0.3, lambda: os.kill(pid, signal.SIGINT)).start()
    began = time.monotonic()
    try:
        wait()
        raised = "nothing"
    except KeyboardInterrupt:
        raised = "KeyboardInterrupt"
    took = time.monotonic() - began
    usable = inbox.put(body("after"))[0].duplicate is False
    states = [entry.state for entry in inbox.list()]
    return {"raised": raised, "took": took, "usable": usable, "ended": len(ended), "states": states}


@pytest.mark.parametrize("how", ["iteration", "next", "handle", "handle while a function runs"])
def test_ctrl_c_ends(path, how):
    seen = call(interrupted, str(path), how, limit=LIMIT)
    assert seen["raised"] == "KeyboardInterrupt"
    assert seen["took"] < 5
    assert seen["usable"]
    assert seen["ended"] == ("runs" in how)
    assert seen["states"] == ["handled"] * seen["ended"] + ["waiting"]


OPEN = """
import flowai, sys, threading, time
inbox = flowai.Inbox.open(sys.argv[1] + sys.argv[2])
inbox.put(b'{"type": "paused"}')
receiver = flowai.Receiver(inbox, verifier=None)
"""
# What the process does, and its exit code.
EXITS = {
    "all of it open": ("", 0),
    "an event in hand": ("delivery = inbox.next()\nsys.exit(3)", 3),
    "threads that wait": (
        "for take in (inbox.next, lambda: list(inbox)):\n"
        "    threading.Thread(target=take, daemon=True).start()\n"
        "time.sleep(0.2)",
        0,
    ),
    "a function that runs": (
        "threading.Thread(target=inbox.handle, args=(lambda d: time.sleep(60),), daemon=True).start()\n"
        "time.sleep(0.3)\nsys.exit(4)",
        4,
    ),
    "functions that run all the time": (
        "def handle(delivery):\n"
        '    inbox.put(b\'{"type": "paused"}\')\n'
        "threading.Thread(target=inbox.handle, args=(handle,), daemon=True).start()\n"
        "time.sleep(0.3)",
        0,
    ),
    "functions and blocks that fail all the time": (
        "import logging\n"
        "logging.disable()\n"
        "def fail(delivery):\n"
        '    inbox.put(b\'{"type": "paused"}\')\n'
        "    with delivery:\n"
        "        raise RuntimeError('again')\n"
        "stop = lambda: False\n"
        "threading.Thread(target=inbox.handle, args=(fail,), kwargs={'stop': stop}, daemon=True).start()\n"
        "time.sleep(0.3)",
        0,
    ),
    "an exit in the block": ("with inbox, receiver:\n    sys.exit(5)", 5),
    "an exit in a function": ("inbox.handle(lambda delivery: sys.exit(6))", 6),
}


@pytest.mark.parametrize("name", EXITS)
def test_exit_with(name, path):
    script, code = EXITS[name]
    for batch in range(2):
        running = [start_script(OPEN + script, str(path), f"{batch}{number}") for number in range(5)]
        for finished in [finish(process, limit=LIMIT) for process in running]:
            assert finished.code == code, f"exit code {finished.code}\n{finished.errors}"
            assert finished.errors == ""


def test_a_process_that_is_killed_frees_the_file(path):
    process = start(hold, str(path))
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    assert "open" in open_again(path)
    process.kill()
    process.communicate()
    assert open_again(path) == "opened"


def hold(path):
    inbox = flowai.Inbox.open(path)
    print("open", flush=True)
    time.sleep(600)
    return repr(inbox)
