"""Forks, processes of multiprocessing, and the end of the interpreter, while this package is at work."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import statistics
import sys
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import flowai
from children import call, finish, start_script, wait_for_forked
from tries import EXITS as TIMES
from tries import FIGURES, FORKS
from vectors import server

SENDS = 3
THREADS = 4
LIMIT = 20.0


def in_fork(work: Callable[[], None], through_exit: bool = False) -> int:
    """Runs the function in a forked child, whose exit code says whether it raised.

    `through_exit`: it leaves through the end of the interpreter.
    """
    pid = os.fork()
    if pid != 0:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    if through_exit:
        sys.exit(code)
    os._exit(code)


def send_some(client: flowai.Client) -> None:
    # Equal but for their trace ids: these must not repeat in the children of one parent.
    for _ in range(SENDS):
        receipt = client.send_text("t", "child")
        assert receipt.request_id == str(receipt.trace_id), receipt


def fork_while_idle(options: dict[str, Any], at_once: bool) -> int:
    """Gives how many messages were sent."""
    client = flowai.Client(**options, timeout=LIMIT)
    client.send_text("t", "parent")
    sent, pids = 1, []
    for _ in range(FORKS):
        pids.append(in_fork(lambda: send_some(client)))
        sent += SENDS
        if not at_once:
            wait_for_forked([pids.pop()], LIMIT)
        receipt = client.send_text("t", "parent")
        assert receipt.request_id == str(receipt.trace_id), receipt
        sent += 1
    wait_for_forked(pids, LIMIT * 2)
    return sent


def fork_while_sending(options: dict[str, Any]) -> int:
    client = flowai.Client(**options, timeout=LIMIT)
    stop = threading.Event()
    sent: list[int] = []
    problems: list[str] = []

    def send() -> None:
        while not stop.is_set():
            try:
                receipt = client.send_text("t", "parent")
                assert receipt.request_id == str(receipt.trace_id), receipt
                sent.append(1)
            except BaseException as error:
                problems.append(repr(error))
                return

    threads = [threading.Thread(target=send) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(FORKS):
            wait_for_forked([in_fork(lambda: send_some(client))], LIMIT)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not problems, problems
    assert len(sent) >= THREADS
    return len(sent) + FORKS * SENDS


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "all at once"])
def test_children_of_an_idle_process_send(tls: bool, at_once: bool) -> None:
    run = f"forkidle{tls}{at_once}"
    sent = call(fork_while_idle, server().fault("ok", run, tls), at_once, limit=120 + FORKS)
    counts = server().counts(run)
    assert (counts["requests_read"], counts["distinct"]) == (sent, sent)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_children_of_a_busy_process_send(tls: bool) -> None:
    run = f"forkbusy{tls}"
    sent = call(fork_while_sending, server().fault("ok", run, tls), limit=300 + FORKS)
    counts = server().counts(run)
    assert (counts["requests_read"], counts["distinct"]) == (sent, sent)


def fork_in_the_middle(options: dict[str, Any], counted: str) -> dict[str, Any]:
    """Forks while calls of other threads have been sent and wait for their answers, which never come."""
    client = flowai.Client(**options, timeout=LIMIT, max_retries=0)
    waiting = {n: client.with_options(timeout=1.5) for n in range(THREADS)}
    ends: list[str] = []

    def wait(patient: flowai.Client) -> None:
        try:
            patient.send_text("t", "stalls")
        except flowai.APITimeoutError as error:
            ends.append(error.delivery or "")

    threads = [threading.Thread(target=wait, args=(one,)) for one in waiting.values()]
    for thread in threads:
        thread.start()
    # The service lets as many stall; whatever comes after them is answered.
    while requests_read(counted) < THREADS:
        time.sleep(0.01)
    wait_for_forked([in_fork(lambda: send_some(client)) for _ in range(FORKS)], LIMIT * 2)
    send_some(client)
    for thread in threads:
        thread.join()
    return {"ends": ends, "sent": THREADS + (FORKS + 1) * SENDS}


def requests_read(url: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=LIMIT) as answer:
        return int(json.load(answer)["requests_read"])


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_children_forked_in_the_middle_of_calls_send(tls: bool) -> None:
    run = f"forkmiddle{tls}"
    options = server().fault(f"stall.times-{THREADS}", run, tls)
    seen = call(fork_in_the_middle, options, f"{server().values['http']}/count/{run}", limit=120 + FORKS)
    assert seen["ends"] == ["maybe_sent"] * THREADS
    counts = server().counts(run)
    assert (counts["requests_read"], counts["distinct"]) == (seen["sent"], seen["sent"])


WORKERS, JOBS = 4, 12


def prefork(options: dict[str, Any]) -> int:
    """A pool as Celery has it: workers are forked after the client was used, and replaced after some jobs.

    They have children of their own.
    """
    client = flowai.Client(**options, timeout=LIMIT)
    send_some(client)

    def work() -> None:
        for number in range(JOBS):
            assert client.send_text("t", str(number)).status == "ok"
        results = client.send_many((f"t{number}", "x") for number in range(JOBS))
        assert all(isinstance(result, flowai.Receipt) for result in results)
        wait_for_forked([in_fork(lambda: send_some(client))], LIMIT)

    workers = 0
    for _ in range(max(1, FORKS // (2 * WORKERS))):
        wait_for_forked([in_fork(work) for _ in range(WORKERS)], LIMIT * 3)
        workers += WORKERS
        send_some(client)
    return SENDS + workers * (2 * JOBS + SENDS) + workers // WORKERS * SENDS


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_workers_forked_after_use(tls: bool) -> None:
    run = f"prefork{tls}"
    sent = call(prefork, server().fault("ok", run, tls), limit=120 + 2 * FORKS)
    counts = server().counts(run)
    assert (counts["requests_read"], counts["distinct"]) == (sent, sent)


def fork_while_many_are_sent(options: dict[str, Any]) -> dict[str, Any]:
    """A child is told that what is being sent is its parent's, and sends for itself."""
    client = flowai.Client(**options, timeout=LIMIT)
    results = client.iter_send_many((f"t{number}", "parent") for number in range(600))
    first = next(results)

    def work() -> None:
        try:
            for _ in range(600):
                next(results)
        except flowai.ForkedError:
            send_some(client)
            return
        raise AssertionError("the child went on with what the parent sends")

    wait_for_forked([in_fork(work) for _ in range(3)], LIMIT)
    rest = [first, *results]
    statuses = {result.status for result in rest if isinstance(result, flowai.Receipt)}
    return {"results": len(rest), "statuses": sorted(statuses)}


def test_what_is_being_sent_belongs_to_the_parent() -> None:
    seen = call(fork_while_many_are_sent, server().fault("ok", "forkmany"), limit=60)
    assert seen == {"results": 600, "statuses": ["ok"]}
    assert server().counts("forkmany")["distinct"] == 600 + 3 * SENDS


def from_many_threads(options: dict[str, Any], threads: int, each: int) -> dict[str, Any]:
    """One client in many threads; every answer must be that of its own request."""
    client = flowai.Client(**options, timeout=LIMIT)
    problems: list[str] = []
    begun = threading.Barrier(threads)

    def send(name: int) -> None:
        try:
            begun.wait(LIMIT)
            for number in range(each):
                receipts: list[Any] = [client.send_text(f"{name}", f"{number}")]
                if number % 8 == 0:
                    receipts += client.send_many([(f"{name}/{n}", "x") for n in range(8)], concurrency=4)
                for receipt in receipts:
                    if receipt.request_id != str(receipt.trace_id):
                        problems.append(repr(receipt))
        except BaseException as error:
            problems.append(repr(error))

    running = [threading.Thread(target=send, args=(name,)) for name in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return {"problems": problems[:5], "sent": threads * (each + 8 * -(-each // 8)), "gil": gil}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_one_client_in_many_threads(tls: bool) -> None:
    run = f"manythreads{tls}"
    seen = call(from_many_threads, server().fault("ok", run, tls), 16, 40, limit=120)
    assert seen["problems"] == []
    assert server().counts(run)["distinct"] == seen["sent"]


def post(url: str) -> int:
    request = urllib.request.Request(url, b'{"type": "message.reply", "threadId": "t", "messages": []}')
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=LIMIT) as answer:
        status: int = answer.status
        return status


def fork_with_servers(leave_by_exit: bool) -> list[str]:
    """A receiver and a sandbox belong to the parent: children are told so and harm nobody."""
    receiver = flowai.Receiver(verifier=None)
    sandbox = flowai.Sandbox(webhook_url=receiver.url)
    client = sandbox.client()
    taken: list[str] = []

    def take() -> None:
        taken.extend(event.type for event in receiver)

    # Somebody waits in the receiver at each fork.
    taker = threading.Thread(target=take)
    taker.start()
    url = receiver.url

    def use() -> None:
        nonlocal receiver, sandbox
        uses: list[Callable[[], Any]] = [
            lambda: receiver.next(timeout=LIMIT),
            lambda: receiver.next(),
            lambda: receiver.wait(timeout=LIMIT),
            lambda: next(iter(receiver)),
            lambda: receiver.close(),
            lambda: sandbox.requests,
            lambda: sandbox.deliveries,
            lambda: sandbox.base_url,
            lambda: sandbox.client(),
            lambda: sandbox.push({"type": "message.reply"}),
            lambda: sandbox.wait_delivered(LIMIT),
            lambda: sandbox.close(),
        ]
        for number, wrong in enumerate(uses):
            try:
                wrong()
            except flowai.ForkedError:
                continue
            raise AssertionError(f"use {number} did not raise")
        repr(receiver), repr(sandbox)
        # The client is no server: it works here too.
        assert client.send_text("t", "child").status == "ok"
        if not leave_by_exit:
            del receiver, sandbox
            gc.collect()

    for _ in range(FORKS):
        wait_for_forked([in_fork(use, leave_by_exit)], LIMIT)
        assert post(url) // 100 == 2
        assert client.send_text("t", "parent").status == "ok"
    assert sandbox.wait_delivered(LIMIT)
    receiver.close()
    taker.join()
    sandbox.close()
    return taken


@pytest.mark.parametrize("leave_by_exit", [False, True], ids=["dropped", "sys.exit"])
def test_servers_belong_to_the_parent(leave_by_exit: bool) -> None:
    taken = call(fork_with_servers, leave_by_exit, limit=180 + FORKS)
    # What was posted, and for each message of child and parent the event that it was delivered and the echo.
    assert len(taken) == FORKS * (1 + 2 * 2)


class ForkWhileImported:
    """Forks in the middle of the import of a module, and uses it in the child."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name, self.work, self.forked = name, work, False

    def find_spec(self, name: str, *_: object) -> None:
        if name == self.name:
            sys.meta_path.remove(self)  # type: ignore[arg-type]
            wait_for_forked([in_fork(self.work)], LIMIT)
            self.forked = True


def fork_while_kinds_are_made() -> bool:
    event = flowai.parse_event('{"type": "message.reply"}')

    def work() -> None:
        sys.modules.pop("flowai._kinds", None)
        assert event.kind.name == "REPLY"

    finder = ForkWhileImported("flowai._kinds", work)
    sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
    assert event.kind.name == "REPLY"
    return finder.forked


def test_what_is_made_late_is_not_locked_in_a_child() -> None:
    assert call(fork_while_kinds_are_made, limit=60)


def fork_and_exit(options: dict[str, Any]) -> int:
    """Children that leave through the end of the interpreter, with the objects of the parent alive."""
    client = flowai.Client(**options, timeout=LIMIT)
    client.send_text("t", "parent")
    for _ in range(FORKS):
        wait_for_forked([in_fork(lambda: send_some(client), through_exit=True)], LIMIT)
    client.send_text("t", "parent")
    return 2 + FORKS * SENDS


def test_children_leave_through_the_end_of_the_interpreter() -> None:
    sent = call(fork_and_exit, server().fault("ok", "forkexit", tls=True), limit=120 + FORKS)
    assert server().counts("forkexit")["distinct"] == sent


def send_from_worker(options: dict[str, Any], number: int) -> list[str]:
    """A client of its own in each worker."""
    client = flowai.Client(**options)
    return [client.send_text("t", f"worker {number}").status for _ in range(SENDS)]


SHARED: list[flowai.Client] = []


def send_shared(number: int) -> list[str]:
    return [SHARED[0].send_text("t", f"shared {number}").status for _ in range(SENDS)]


def pools(options: dict[str, Any], method: str, workers: int) -> int:
    SHARED.append(flowai.Client(**options))
    assert SHARED[0].send_text("t", "parent").status == "ok"
    context = multiprocessing.get_context(method)
    with context.Pool(workers) as pool:
        jobs = [pool.apply_async(send_from_worker, (options, number)) for number in range(8)]
        if method == "fork":
            jobs += [pool.apply_async(send_shared, (number,)) for number in range(8)]
        statuses = [status for job in jobs for status in job.get(60)]
        pool.close()
        pool.join()
    assert set(statuses) == {"ok"}
    return len(statuses) + 1


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str) -> None:
    run = f"pool{method}"
    sent = call(pools, server().fault("ok", run), method, 4, limit=180)
    counts = server().counts(run)
    assert (counts["requests_read"], counts["distinct"]) == (sent, sent)


def test_a_client_is_not_sent_to_another_process() -> None:
    client = flowai.Client(**server().fault("ok", "poolpickle"))
    process = multiprocessing.get_context("spawn").Process(target=print, args=(client,))
    with pytest.raises(TypeError, match="each process"):
        process.start()


# `atexit` runs what was registered first at the end.
STALLED = """
import atexit, os, sys, time
atexit.register(lambda: os.write(1, b"%f\\n" % time.monotonic()))
import flowai, threading
base_url, ok_url, arguments = sys.argv[1], sys.argv[2], {"api_key": "MY_MESSAGING_API_KEY"}
client = flowai.Client(base_url=base_url, timeout=60, **arguments)
other = flowai.Client(base_url=ok_url, **arguments)
begun = []

def stall(call):
    begun.append(call)
    call()

def in_thread(*calls):
    for call in calls:
        threading.Thread(target=stall, args=(call,), daemon=True).start()
    while len(begun) < len(calls):
        time.sleep(0.01)
    time.sleep(0.2)
"""

CALLS = """
in_thread(*[lambda: client.send_text("t", "stalls")] * 2, *[lambda: list(client.iter_history("t"))] * 2)
"""

RECEIVER = """
receiver = flowai.Receiver(verifier=None)
in_thread(receiver.next, receiver.wait, lambda: list(receiver), lambda: receiver.next(timeout=60))
"""

SANDBOX = """
receiver = flowai.Receiver(verifier=None)
sandbox = flowai.Sandbox(webhook_url=receiver.url)
receiver.close()
own = sandbox.client()
own.send_text("t", "Hello")
in_thread(lambda: sandbox.wait_delivered(60))
"""

# What the process does, and its exit code.
EXITS: dict[str, tuple[str, int]] = {
    "nothing": ("import flowai", 0),
    "a client": ('other.send_text("t", "Hello")', 0),
    "threads in calls": (CALLS, 0),
    "threads in calls, sys.exit": (CALLS + "sys.exit(3)", 3),
    "threads in calls, an exception": (CALLS + "raise RuntimeError('the end')", 1),
    "threads that keep calling": (
        """
def forever():
    while True:
        other.send_text("t", "again")
threads = [threading.Thread(target=forever, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
time.sleep(0.3)
""",
        0,
    ),
    "a running receiver": (RECEIVER, 0),
    "a running receiver, sys.exit": (RECEIVER + "sys.exit(4)", 4),
    "sys.exit while a receiver runs": (
        "with flowai.Receiver(verifier=None) as receiver:\n    sys.exit(5)",
        5,
    ),
    "a running sandbox": (SANDBOX, 0),
    "sys.exit while a sandbox runs": (
        "with flowai.Sandbox() as sandbox, sandbox.client() as own:\n"
        "    own.send_text('t', 'Hello')\n    sys.exit(6)",
        6,
    ),
    "sys.exit while the history is read": (
        "sandbox = flowai.Sandbox()\nown = sandbox.client()\nown.send_text('t', 'Hello')\n"
        "for entry in own.iter_history('t'):\n    sys.exit(7)",
        7,
    ),
    "sys.exit while a file is uploaded": (
        "other.upload_media('t', bytes(3_000_000), progress=lambda done, total: sys.exit(8))",
        8,
    ),
    "threads that send many": (
        """
def endless():
    while True:
        yield ("t", "again")
        time.sleep(0.001)
in_thread(
    lambda: other.send_many(endless()),
    lambda: list(other.iter_send_many(endless())),
    lambda: client.send_many(endless()),
    lambda: list(client.iter_send_many(endless())),
)
""",
        0,
    ),
    "many that are being sent": (
        "results = other.iter_send_many(('t%d' % n, 'x') for n in range(10**9))\nnext(results)\nsys.exit(10)",
        10,
    ),
    "tasks that nobody awaits": (
        """
import asyncio
asynchronous = flowai.AsyncClient(base_url=base_url, **arguments)
async def main():
    async def many():
        async for _ in asynchronous.iter_send_many(('t%d' % n, 'x') for n in range(10**9)):
            pass
    calls = [asynchronous.send_text("t", "x") for _ in range(4)]
    tasks = [asyncio.ensure_future(one) for one in (*calls, many())]
    await asyncio.sleep(0.2)
    sys.exit(11)
asyncio.run(main())
""",
        11,
    ),
    "calls at exit": (
        """
def last():
    in_thread(lambda: client.send_text("t", "stalls"))
    assert other.send_text("t", "Hello").status == "ok"
    sandbox = flowai.Sandbox()
    assert sandbox.client().send_text("t", "Hello").status == "ok"
    receiver = flowai.Receiver(verifier=None)
    assert receiver.next(timeout=0) is None
    print("done")
atexit.register(last)
""",
        0,
    ),
    "everything": (CALLS + RECEIVER + SANDBOX + "sys.exit(9)", 9),
}
AT_ONCE = 5
# Seconds from the end of the program to the end of the process.
AT_MOST = 3.0


@pytest.mark.parametrize("name", EXITS)
def test_exit_with(name: str) -> None:
    script, code = EXITS[name]
    stalling, ok = (server().fault(word, "exits")["base_url"] for word in ("stall", "ok"))

    def run(_: int) -> float:
        finished = finish(start_script(STALLED + script, stalling, ok), limit=30)
        ended = time.monotonic()
        assert finished.code == code, f"exit code {finished.code}\n{finished.errors}"
        assert "panicked" not in finished.errors, finished.errors
        assert "Fatal" not in finished.errors, finished.errors
        if "exception" not in name:
            assert finished.errors == ""
        return ended - float(finished.output.splitlines()[-1])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        took = sorted(pool.map(run, range(TIMES)))
    median = statistics.median(took)
    FIGURES.append(f"exit with {name}: {len(took)} times, median {median:.2f} s, longest {took[-1]:.2f} s")
    assert median < AT_MOST, took
    assert took[-1] < 4 * AT_MOST, took
