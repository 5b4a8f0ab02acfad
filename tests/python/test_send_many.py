"""Many messages at a time: order within a thread, one result each, iterables that misbehave, stopping."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import random
import resource
import sys
import threading
import time
import tracemalloc
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import flowai
from conftest import Server, reply
from tries import FIGURES, MESSAGES
from vectors import server

LONG = 60.0
Results = list[Any]
Send = Callable[..., Results]


class Recorder:
    """Answers after a while, and knows what was said in each thread, in which order."""

    def __init__(self, serve: Callable[..., Server], pause: float = 0.004, fails: str = "") -> None:
        self.lock = threading.Lock()
        self.said: dict[str, list[str]] = defaultdict(list)
        self.talking: set[str] = set()
        self.most = 0
        self.problems: list[str] = []
        self.pause = pause
        self.fails = fails
        self.random = random.Random(1)
        self.server = serve(self.answer)

    def answer(self, handler: Any, body: bytes) -> None:
        thread, text = handler.path.rpartition("/")[2], json.loads(body)["payload"]["speech"]
        with self.lock:
            if thread in self.talking:
                self.problems.append(f"{thread}: {text} came before the one before it was answered")
            self.talking.add(thread)
            self.most = max(self.most, len(self.talking))
            self.said[thread].append(text)
            pause = self.random.random() * self.pause
        time.sleep(pause)
        with self.lock:
            self.talking.discard(thread)
        failed = bool(self.fails) and self.fails in text
        reply(500 if failed else 200)(handler, body)


def blocking(options: dict[str, Any]) -> tuple[Send, Send]:
    client = flowai.Client(**options, timeout=LONG)

    def iterated(messages: Any, **more: Any) -> Results:
        return list(client.iter_send_many(messages, **more))

    return client.send_many, iterated


def awaited(options: dict[str, Any]) -> tuple[Send, Send]:
    client = flowai.AsyncClient(**options, timeout=LONG)

    def gathered(messages: Any, **more: Any) -> Results:
        return asyncio.run(client.send_many(messages, **more))

    def iterated(messages: Any, **more: Any) -> Results:
        async def main() -> Results:
            return [result async for result in client.iter_send_many(messages, **more)]

        return asyncio.run(main())

    return gathered, iterated


async def one_by_one(messages: Any) -> AsyncIterator[Any]:
    for number, message in enumerate(messages):
        if number % 7 == 0:
            await asyncio.sleep(0)
        yield message


FACES: dict[str, Callable[[dict[str, Any]], Send]] = {
    "list": lambda options: blocking(options)[0],
    "iterator": lambda options: blocking(options)[1],
    "async list": lambda options: awaited(options)[0],
    "async iterator": lambda options: awaited(options)[1],
    "async list of an async iterable": lambda options: (
        lambda messages, **more: awaited(options)[0](one_by_one(messages), **more)
    ),
    "async iterator of an async iterable": lambda options: (
        lambda messages, **more: awaited(options)[1](one_by_one(messages), **more)
    ),
}


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], Send]:
    return FACES[request.param]


def url(server: Server) -> dict[str, Any]:
    return {"api_key": "MY_MESSAGING_API_KEY", "base_url": server.base_url}


def test_order_within_a_thread_and_threads_in_parallel(serve: Any, face: Any) -> None:
    recorder = Recorder(serve)
    messages = [(f"t{number % 13}", f"{number:04}") for number in range(150)]
    results = face(url(recorder.server))(iter(messages), concurrency=8)
    assert [result.thread_id for result in results] == [thread for thread, _ in messages]
    assert recorder.problems == []
    assert 2 <= recorder.most <= 8
    assert sorted(itertools.chain(*recorder.said.values())) == [text for _, text in messages]
    assert all(texts == sorted(texts) for texts in recorder.said.values())


def test_each_result_is_that_of_its_message(face: Any) -> None:
    run = f"many{id(face)}"
    results = face(server().fault("ok", run))([(f"t{number % 300}", str(number)) for number in range(1500)])
    # The server gives the trace id back as the request id.
    assert all(result.request_id == str(result.trace_id) for result in results)
    assert [result.thread_id for result in results] == [f"t{number % 300}" for number in range(1500)]
    counts = server().counts(run)
    assert (counts["requests_read"], counts["distinct"]) == (1500, 1500)
    assert counts["connections"] <= 64


def test_every_form_of_a_message(sandbox: flowai.Sandbox, face: Any) -> None:
    messages = [
        ("a", "text"),
        ["b", {"type": "event", "eventName": "MY_EVENT"}],
        ("c", flowai.LocationMessage(1.5, 2)),
        ("d", flowai.TextMessage("from Jane", originator="Jane")),
    ]
    options = {"api_key": sandbox.api_key, "base_url": sandbox.base_url}
    assert [result.status for result in face(options)(messages)] == ["ok"] * 4
    sent = {request.path.rpartition("/")[2]: json.loads(request.body) for request in sandbox.requests}
    kinds = {thread: body["payload"]["type"] for thread, body in sent.items()}
    assert kinds == {"a": "text", "b": "event", "c": "location", "d": "text"}
    assert sent["d"]["payload"]["originator"]["name"] == "Jane"


def test_a_failure_holds_nothing_back(serve: Any, face: Any) -> None:
    recorder = Recorder(serve, pause=0, fails="bad")
    messages = [("t", "one"), ("t", "bad"), ("t", "x" * 256), ("u", "other"), ("t", "two"), ("", "nobody")]
    results = face(url(recorder.server))(messages)
    told = [result.status if isinstance(result, flowai.Receipt) else result.delivery for result in results]
    # The status of a refused one is None, that of the failed one 500.
    assert told == ["ok", "maybe_sent", "not_sent", "ok", "ok", "not_sent"]
    assert isinstance(results[1], flowai.ServerError)
    assert (results[2].argument, results[5].argument) == ("text", "thread_id")
    assert {result.operation for result in results if isinstance(result, Exception)} == {"send_many"}
    assert recorder.said["t"] == ["one", "bad", "two"]


def test_what_follows_a_failure_can_be_left_out(serve: Any, face: Any) -> None:
    recorder = Recorder(serve, pause=0, fails="bad")
    messages = [("t", "one"), ("t", "bad"), ("u", "other"), ("t", "two"), ("u", "x" * 256), ("u", "more")]
    messages += [("v", "first"), ("v", "x" * 256), ("v", "last"), ("t", "three")]
    results = face(url(recorder.server))(messages, skip_after_failure=True)
    told = [getattr(result, "delivery", "sent") for result in results]
    assert told == [
        *("sent", "maybe_sent", "sent", "not_sent", "not_sent", "not_sent"),
        *("sent", "not_sent", "not_sent", "not_sent"),
    ]
    assert [results[n].kind for n in (3, 5, 8, 9)] == ["cancelled"] * 4
    assert "an earlier message" in str(results[3])
    assert results[3].retryable
    assert dict(recorder.said) == {"t": ["one", "bad"], "u": ["other"], "v": ["first"]}


class Broken(Exception):
    """What the iterable of a user raises."""


def breaking(after: int) -> Iterator[tuple[str, str]]:
    for number in range(after):
        yield (f"t{number % 5}", str(number))
    raise Broken("the source is gone")


@pytest.mark.parametrize("after", [0, 30, 1200])
def test_an_iterable_that_raises(face: Any, after: int) -> None:
    run = f"broken{id(face)}{after}"
    with pytest.raises(Broken, match="the source is gone") as caught:
        face(server().fault("ok", run))(breaking(after))
    assert server().counts(run)["distinct"] == after
    results = caught.value.results  # type: ignore[attr-defined]
    # An iterator has given its results before.
    assert len(results) in (0, after)
    assert all(isinstance(result, flowai.Receipt) for result in results)


def test_results_before_the_iterable_raised(serve: Any) -> None:
    client = serve().client()
    given: Results = []
    with pytest.raises(Broken):
        given.extend(client.iter_send_many(breaking(100)))
    assert len(given) == 100
    with pytest.raises(Broken) as caught:
        client.send_many(breaking(100))
    assert len(caught.value.results) == 100  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (3, "messages must be an iterable of pairs"),
        ("text", r"messages\[0\]: it must be a pair"),
        ([("t", "x"), 3], r"messages\[1\]: it must be a pair"),
        ([("t", "x"), ("t",)], r"messages\[1\]: it must be a pair"),
        ([("t", "x"), (3, "x")], r"messages\[1\]: thread_id must be a str"),
        ([("t", "x"), ("t", 3)], r"messages\[1\]: message must be a str, message or dict"),
    ],
)
def test_what_is_no_message_is_a_type_error(serve: Any, face: Any, messages: Any, problem: str) -> None:
    recording = serve()
    if messages == 3 and "async_iterable" in str(face):
        return
    with pytest.raises(TypeError, match=problem if messages != 3 else "iterable"):
        face(url(recording))(messages)
    # What came before was sent.
    assert len(recording.requests) == (1 if isinstance(messages, list) else 0)


def test_wrong_options(serve: Any) -> None:
    recording = serve()
    client = recording.client()
    for wrong in (0, 129, 2**70, -1):
        with pytest.raises(flowai.InvalidArgumentError) as caught:
            client.send_many([("t", "x")], concurrency=wrong)
        assert (caught.value.argument, caught.value.delivery) == ("concurrency", "not_sent")
        with pytest.raises(flowai.InvalidArgumentError):
            client.iter_send_many([("t", "x")], concurrency=wrong)
    with pytest.raises(TypeError):
        client.send_many([("t", "x")], concurrency="8")
    with pytest.raises(TypeError, match="AsyncClient"):
        client.send_many(one_by_one([]))
    assert recording.requests == []


def test_nothing_is_a_list_too(serve: Any, face: Any) -> None:
    assert face(url(serve()))([]) == []


def test_the_deadline_is_for_each_message(serve: Any) -> None:
    recorder = Recorder(serve, pause=0.05)
    # One after another they take longer than the deadline of each.
    results = recorder.server.client().send_many((("t", str(n)) for n in range(60)), timeout=1.0)
    assert all(isinstance(result, flowai.Receipt) for result in results)
    stalled = flowai.Client(**server().fault("stall", "manystall"), max_retries=0)
    results = stalled.send_many([("t", "1"), ("t", "2"), ("u", "3")], timeout=0.3)
    assert [result.delivery for result in results] == ["maybe_sent"] * 3
    assert {type(result) for result in results} == {flowai.APITimeoutError}


def test_the_messages_are_read_as_they_are_needed(serve: Any) -> None:
    read = 0

    def endless() -> Iterator[tuple[str, str]]:
        nonlocal read
        for read in itertools.count(1):
            yield (f"t{read}", "x")

    client = serve().client()
    results = client.iter_send_many(endless(), concurrency=4)
    assert read == 0
    for number in range(1, 200):
        next(results)
        assert read <= number + 4 * 16 + 4 * 16
    results.close()
    with pytest.raises(StopIteration):
        next(results)
    assert client.send_text("t", "after").status == "ok"


def test_a_slow_iterable_holds_up_nothing_that_is_under_way(serve: Any) -> None:
    """What a message is answered is seen although the next one is long in coming."""
    recorder = Recorder(serve, pause=0)
    seen: list[int] = []

    def slow() -> Iterator[tuple[str, str]]:
        for number in range(6):
            yield (f"t{number}", "x")
            time.sleep(0.15)
            seen.append(len(recorder.said))

    for send in blocking(url(recorder.server)):
        recorder.said.clear()
        seen.clear()
        assert len(send(slow())) == 6
        # One may be late until it is known that the iterable is slow.
        assert all(there >= number - 1 for number, there in enumerate(seen, 1)), seen


def test_an_iterable_that_calls_the_client(serve: Any) -> None:
    recorder = Recorder(serve, pause=0)
    client = recorder.server.client()

    def calling() -> Iterator[tuple[str, str]]:
        for number in range(40):
            client.send_text("own", str(number))
            yield (f"t{number}", str(len(client.send_many([("inner", str(number))]))))

    assert len(client.send_many(calling())) == 40
    assert len(list(client.iter_send_many(calling()))) == 40
    assert (len(recorder.said["own"]), len(recorder.said["inner"])) == (80, 80)

    async def main() -> None:
        other = flowai.AsyncClient(**url(recorder.server))

        async def calling() -> AsyncIterator[tuple[str, str]]:
            for number in range(20):
                await other.send_text("own", str(number))
                yield (f"t{number}", "x")

        assert len(await other.send_many(calling())) == 20
        assert len([result async for result in other.iter_send_many(calling())]) == 20

    asyncio.run(main())
    assert len(recorder.said["own"]) == 120


def test_many_at_the_same_time(serve: Any) -> None:
    """Threads and tasks that share a client."""
    options = server().fault("ok", "manymany")
    client = flowai.Client(**options)
    results: list[Results] = []

    def send(number: int) -> None:
        results.append(client.send_many((f"{number}/{n}", "x") for n in range(200)))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def main() -> None:
        other = flowai.AsyncClient(**options)
        lists = [other.send_many([(f"a{number}/{n}", "x") for n in range(200)]) for number in range(6)]
        results.extend(await asyncio.gather(*lists))

    asyncio.run(main())
    assert [len(one) for one in results] == [200] * 12
    assert all(isinstance(result, flowai.Receipt) for one in results for result in one)
    assert server().counts("manymany")["distinct"] == 2400


def most_memory() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def test_memory_does_not_grow_with_the_messages(serve: Any) -> None:
    client = flowai.Client(**server().fault("ok", "manymemory"))
    before = most_memory()

    def run(count: int) -> int:
        gc.collect()
        tracemalloc.start()
        for result in client.iter_send_many((f"t{n}", "x" * 200) for n in range(count)):
            assert isinstance(result, flowai.Receipt)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    run(1000)
    few, many = run(2000), run(MESSAGES)
    FIGURES.append(f"iter_send_many: {few:,} bytes of Python for 2,000 messages, {many:,} for {MESSAGES:,}")
    assert many < few + 200_000, (few, many)
    assert most_memory() < before + 20_000_000, (before, most_memory())


@pytest.mark.parametrize("iterating", [False, True])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_cancelling_the_coroutine(iterating: bool, asynchronous: bool) -> None:
    run = f"manycancel{iterating}{asynchronous}"
    options = server().fault("stall", run)

    async def main() -> tuple[float, Results]:
        client = flowai.AsyncClient(**options, timeout=LONG)
        messages: Any = [(f"t{number}", "x") for number in range(200)]
        if asynchronous:
            messages = one_by_one(messages)

        async def go() -> None:
            if iterating:
                async for _ in client.iter_send_many(messages, concurrency=4):
                    pass
            else:
                await client.send_many(messages, concurrency=4)

        task = asyncio.ensure_future(go())
        while server().counts(run)["requests_read"] < 4:
            await asyncio.sleep(0.02)
        began = time.monotonic()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            cancelled: BaseException | None = error
            while cancelled is not None and not hasattr(cancelled, "results"):
                cancelled = cancelled.__context__
            return time.monotonic() - began, getattr(cancelled, "results", [])
        raise AssertionError("it was not cancelled")

    took, results = asyncio.run(main())
    assert took < 5
    told = [result.delivery for result in results]
    assert told[:4] == ["maybe_sent"] * 4
    assert set(told[4:]) == {"not_sent"}
    assert server().counts(run)["requests_read"] == 4


def test_an_iterator_that_is_dropped_stops(serve: Any) -> None:
    recorder = Recorder(serve, pause=0.02)
    client = recorder.server.client()
    results = client.iter_send_many(((f"t{n}", "x") for n in range(100_000)), concurrency=4)
    next(results)
    del results
    gc.collect()
    time.sleep(0.2)
    there = len(recorder.said)
    time.sleep(0.2)
    assert len(recorder.said) == there < 1000
    assert client.send_text("t", "after").status == "ok"
