"""Awaited calls that are cancelled: the request ends, and the exception says what became of the message."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import re
import statistics
import sys
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import flowai
from loops import Run
from stalling import LONG, SOON, Stalling
from test_interrupt import CALLS, SENDS
from tries import FIGURES
from vectors import server

# Those that are awaited for one result.
AWAITED = [name for name in CALLS if not name.startswith("iter_") and name != "send_many"]
since_3_11 = pytest.mark.skipif(sys.version_info < (3, 11), reason="came with Python 3.11")
since_3_12 = pytest.mark.skipif(sys.version_info < (3, 12), reason="came with Python 3.12")


async def cancelled(task: asyncio.Future[Any]) -> BaseException:
    """Cancels a task, and gives what it raised."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


def teller(error: BaseException | None) -> Any:
    """The exception that says what became of a message. Versions of asyncio chain them differently."""
    while error is not None and not hasattr(error, "delivery"):
        error = error.__cause__ or error.__context__
    return error


def options_of(sandbox: flowai.Sandbox) -> dict[str, Any]:
    return {"api_key": sandbox.api_key, "base_url": sandbox.base_url}


async def noticed(stalling: Stalling, leave: Callable[[], Awaitable[object]]) -> float:
    """How long it takes until a server sees that its caller has gone."""
    await asyncio.wait_for(stalling.came.wait(), SOON)
    began = time.monotonic()
    await leave()
    await asyncio.wait_for(stalling.gone.wait(), SOON)
    return time.monotonic() - began


async def plain_socket(stalling: Stalling) -> float:
    """The same for a socket that is simply closed: what this machine needs at the moment."""
    _, writer = await asyncio.open_connection("127.0.0.1", stalling.port)
    writer.write(b"x")

    async def close() -> None:
        writer.close()

    return await noticed(stalling, close)


def test_cancelling_ends_the_request_within_50_ms(run: Run) -> None:
    async def main() -> tuple[list[float], list[float]]:
        ours, plain = [], []
        for _ in range(25):
            async with (stalling := Stalling()).client() as client:
                task = asyncio.ensure_future(client.send_text("t", "Hello"))
                ours.append(await noticed(stalling, lambda task=task: cancelled(task)))
            async with (stalling := Stalling()).client():
                plain.append(await plain_socket(stalling))
        return ours, plain

    ours, plain = (statistics.median(times) for times in run(main))
    FIGURES.append(
        f"cancelled: the connection is closed after {ours * 1000:.1f} ms, "
        f"that of a plain socket after {plain * 1000:.1f} ms"
    )
    # A busy machine is as slow with a plain socket.
    assert ours < 0.05 + 20 * plain


@pytest.mark.filterwarnings("ignore:the service replaced takeover")
@pytest.mark.parametrize("name", AWAITED)
def test_a_cancelled_call_says_what_became_of_its_message(name: str) -> None:
    async def main() -> BaseException:
        async with (stalling := Stalling()).client() as client:
            task = asyncio.ensure_future(CALLS[name](client))
            await asyncio.wait_for(stalling.came.wait(), SOON)
            while stalling.open < 1:
                await asyncio.sleep(0)
            error = await cancelled(task)
            await asyncio.wait_for(stalling.gone.wait(), SOON)
            return error

    error = teller(asyncio.run(main()))
    if name not in SENDS:
        assert error is None
        return
    operation = "send_text" if name == "send" else name
    assert type(error) is asyncio.CancelledError
    assert (error.delivery, error.operation) == ("maybe_sent", operation)
    assert error.trace_id is None or error.trace_id > 0
    if sys.version_info >= (3, 11):
        (note,) = error.__notes__
        assert note.startswith(f"flowai: {operation} was cancelled, and its message is maybe_sent")
        assert error.trace_id is None or f"(trace id {error.trace_id})" in note


def test_what_was_not_begun_was_not_sent(sandbox: flowai.Sandbox, run: Run) -> None:
    async def main() -> None:
        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            # The task never ran.
            told = teller(await cancelled(asyncio.ensure_future(client.send_text("t", "x", trace_id=7))))
            assert (told.delivery, told.operation, told.trace_id) == ("not_sent", "send_text", 7)
        # Nobody is there to connect to.
        url = f"{server().values['blackhole']}/rest/v1/"
        async with flowai.AsyncClient("key", base_url=url, timeout=LONG) as client:
            for made in (client.send_text("t", "x"), client.upload_media("t", b"x", filename="x.bin")):
                task = asyncio.ensure_future(made)
                await asyncio.sleep(0.1)
                assert teller(await cancelled(task)).delivery == "not_sent"

    run(main)
    assert sandbox.requests == []


@pytest.mark.parametrize("kind", ["send_text", "upload_media"])
def test_what_was_not_sent_never_arrives(sandbox: flowai.Sandbox, kind: str) -> None:
    """Cancelled at any moment: what is called not sent does not arrive, then or later."""
    calls = {
        "send_text": lambda client, number: client.send_text("t", "x", trace_id=number),
        "upload_media": lambda client, number: client.upload_media(
            "t", b"x" * 100, filename="x.bin", trace_id=number
        ),
    }
    moments = random.Random(5)

    async def one(client: flowai.AsyncClient, number: int) -> str:
        task = asyncio.ensure_future(calls[kind](client, number))
        for _ in range(min(number, 3)):
            await asyncio.sleep(0)
        if number > 3:
            await asyncio.sleep(moments.expovariate(1 / 0.0007))
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return str(teller(error).delivery)
        return "answered"

    async def main() -> dict[int, str]:
        told = {}
        for _ in range(10):
            # With connections that have to be made, and then with idle ones.
            async with flowai.AsyncClient(**options_of(sandbox)) as client:
                for _ in range(15):
                    number = len(told)
                    told[number] = await one(client, number)
        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            await client.send_text("t", "the last one", trace_id=10_000)
        await asyncio.sleep(0.2)
        return told

    told = asyncio.run(main())

    trace_ids = (re.search(rb'"traceId": *(\d+)', request.body) for request in sandbox.requests)
    # One that was cancelled in the middle may have come without it.
    arrived = {int(found[1]) for found in trace_ids if found}
    assert 10_000 in arrived
    kept = {number for number, delivery in told.items() if delivery == "not_sent"}
    assert 0 in kept
    assert not kept & arrived, kept & arrived
    assert {number for number, delivery in told.items() if delivery in ("sent", "answered")} <= arrived
    assert set(told.values()) <= {"not_sent", "maybe_sent", "sent", "answered"}
    FIGURES.append(f"{kind}, cancelled: { ({each: [*told.values()].count(each) for each in told.values()}) }")


def test_cancelled_when_the_answer_is_there(sandbox: flowai.Sandbox) -> None:
    async def main() -> str:
        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            await client.send_text("t", "first")
            before = len(sandbox.requests)
            task = asyncio.ensure_future(client.send_text("t", "second"))
            await asyncio.sleep(0)
            # The loop does nothing meanwhile.
            while len(sandbox.requests) == before:
                time.sleep(0.001)
            time.sleep(0.1)
            return str(teller(await cancelled(task)).delivery)

    # A busy machine may not have read the answer by then.
    tries = [asyncio.run(main()) for _ in range(3)]
    assert "sent" in tries
    assert set(tries) <= {"sent", "maybe_sent"}


def test_a_cancelled_ask_whose_message_was_taken() -> None:
    async def main() -> str:
        with flowai.Sandbox(bot="none", sync_replies=False) as sandbox:
            async with sandbox.async_client() as client:
                task = asyncio.ensure_future(client.ask("t", "Hello", timeout=LONG))
                # It was acknowledged, and the reply is looked for in the history.
                while len(sandbox.requests) < 2:
                    await asyncio.sleep(0.01)
                return str(teller(await cancelled(task)).delivery)

    assert asyncio.run(main()) == "sent"


def test_time_limits_of_asyncio(run: Run) -> None:
    async def main() -> None:
        async with (stalling := Stalling()).client() as client:
            with pytest.raises(asyncio.TimeoutError) as caught:
                await asyncio.wait_for(client.ask("t", "Hello"), 0.3)
            assert (teller(caught.value).delivery, teller(caught.value).operation) == ("maybe_sent", "ask")
            await asyncio.wait_for(stalling.gone.wait(), SOON)
            if sys.version_info >= (3, 11):
                stalling.gone.clear()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        [entry async for entry in client.iter_history("t")]
                await asyncio.wait_for(stalling.gone.wait(), SOON)
            with pytest.raises(flowai.APITimeoutError) as own:
                await client.send_text("t", "Hello", timeout=0.3)
            assert own.value.delivery == "maybe_sent"

    run(main)


@since_3_11
def test_the_cause_of_a_timeout_says_it(run: Run) -> None:
    async def main() -> None:
        async with (stalling := Stalling()).client() as client:

            async def deeper() -> None:
                await client.send_text("t", "Hello", trace_id=11)

            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.3):
                    await deeper()
            cause: Any = caught.value.__cause__
            assert isinstance(cause, asyncio.CancelledError)
            assert (cause.delivery, cause.trace_id) == ("maybe_sent", 11)
            await asyncio.wait_for(stalling.gone.wait(), SOON)

    run(main)


@since_3_11
def test_task_groups(run: Run) -> None:
    async def main() -> None:
        seen: list[Any] = []

        async def send(client: flowai.AsyncClient, number: int) -> None:
            try:
                await client.send_text("t", "Hello", trace_id=number)
            except asyncio.CancelledError as error:
                seen.append((error.delivery, error.trace_id))  # type: ignore[attr-defined]
                raise

        async def fail(stalling: Stalling) -> None:
            while stalling.open < 5:
                await asyncio.sleep(0.01)
            raise ZeroDivisionError

        async def group_of(client: flowai.AsyncClient, stalling: Stalling) -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(5):
                    group.create_task(send(client, number))
                group.create_task(fail(stalling))

        async with (stalling := Stalling()).client() as client:
            with pytest.raises(Exception, match="TaskGroup") as caught:
                await group_of(client, stalling)
            raised: Any = caught.value
            assert [type(error) for error in raised.exceptions] == [ZeroDivisionError]
            # Who was connected may not have written yet.
            assert sorted(number for _, number in seen) == [0, 1, 2, 3, 4]
            assert {delivery for delivery, _ in seen} <= {"maybe_sent", "not_sent"}
            end = time.monotonic() + SOON
            while stalling.open:
                assert time.monotonic() < end
                await asyncio.sleep(0.01)

    run(main)


def test_gather(run: Run) -> None:
    async def main() -> None:
        async with (stalling := Stalling()).client() as client:
            tasks = [asyncio.ensure_future(client.send_text("t", "Hello")) for _ in range(3)]
            both = asyncio.gather(*tasks)
            await asyncio.wait_for(stalling.came.wait(), SOON)
            while stalling.open < 3:
                await asyncio.sleep(0.01)
            with contextlib.suppress(asyncio.CancelledError):
                await cancelled(both)
            assert all(task.cancelled() for task in tasks)

        # One that fails cancels nobody; what the others do is known when they are done.
        async with (stalling := Stalling()).client() as client:
            other = asyncio.ensure_future(client.send_text("t", "Hello"))
            with pytest.raises(flowai.InvalidArgumentError):
                await asyncio.gather(other, client.send_text("t", ""))
            await asyncio.wait_for(stalling.came.wait(), SOON)
            assert teller(await cancelled(other)).delivery == "maybe_sent"

    run(main)


@since_3_12
def test_eager_tasks(sandbox: flowai.Sandbox) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            receipts = await asyncio.gather(*[client.send_text("t", "x", trace_id=n) for n in range(50)])
            assert [receipt.trace_id for receipt in receipts] == [*range(50)]
            results = await client.send_many((f"t{n}", "x") for n in range(50))
            assert {result.status for result in results} == {"ok"}
            # It fails before it becomes a task.
            refused = asyncio.create_task(client.send_text("t", ""))
            assert refused.done()
            assert isinstance(refused.exception(), flowai.InvalidArgumentError)
        async with (stalling := Stalling()).client() as client:
            task = asyncio.create_task(client.send_text("t", "x"))
            # It has begun already, without a turn of the loop.
            await asyncio.wait_for(stalling.came.wait(), SOON)
            assert teller(await cancelled(task)).delivery == "maybe_sent"
            await asyncio.wait_for(stalling.gone.wait(), SOON)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await asyncio.create_task(client.send_text("t", "x"))

    asyncio.run(main())
    assert len(sandbox.requests) == 100


def test_what_nobody_holds_any_more_ends() -> None:
    async def main() -> None:
        async with (stalling := Stalling()).client() as client:
            made = client.send_text("t", "Hello")
            future = made.send(None)
            await asyncio.wait_for(stalling.came.wait(), SOON)
            kept = weakref.ref(made)
            del made
            assert kept() is None
            await asyncio.wait_for(stalling.gone.wait(), SOON)
            assert not future.done()
            assert client.base_url

    asyncio.run(main())


def test_garbage_that_holds_itself_ends() -> None:
    class Holder:
        made: Any
        itself: Any

    async def main() -> None:
        async with (stalling := Stalling()).client() as client:
            holder = Holder()
            holder.made, holder.itself = client.send_text("t", "Hello"), holder
            # A cycle through the awaitable itself: its callback for the progress knows it.
            uploading = Holder()
            uploading.made = client.upload_media(
                "t", b"x" * 100_000_000, filename="a", progress=lambda *_, to=uploading: None
            )
            for one in (holder, uploading):
                one.made.send(None)
            while stalling.open < 2:
                await asyncio.sleep(0.01)
            kept = [weakref.ref(one.made) for one in (holder, uploading)]
            del holder, uploading, one
            gc.collect()
            assert [ref() for ref in kept] == [None, None]
            end = time.monotonic() + SOON
            while stalling.open:
                assert time.monotonic() < end
                await asyncio.sleep(0.01)

    asyncio.run(main())
