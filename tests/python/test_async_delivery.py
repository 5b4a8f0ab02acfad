"""AsyncReceiver, AsyncInbox and AsyncOutbox: Receiver, Inbox and Outbox on event loops."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import gc
import inspect
import logging
import os
import sys
import threading
import time
import warnings
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

import flowai
from children import call, finish, start_script, wait_for_forked
from conftest import SECRET
from flowai import EventKind
from loops import Run
from test_events import token
from test_inbox import body
from test_receiver import post

LIMIT = 30.0
PAIRS = [
    (flowai.Receiver, flowai.AsyncReceiver),
    (flowai.Inbox, flowai.AsyncInbox),
    (flowai.Delivery, flowai.AsyncDelivery),
    (flowai.Outbox, flowai.AsyncOutbox),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_names_and_signatures_are_the_same(one: type, other: type) -> None:
    assert public(one) == public(other)
    assert not issubclass(other, one)
    for name in public(one):
        this, that = getattr(one, name), getattr(other, name)
        if callable(this) and name != "handle":
            assert inspect.signature(this) == inspect.signature(that)
            assert this.__doc__ == that.__doc__
    if one is flowai.Receiver:
        assert inspect.signature(one) == inspect.signature(other)
    names = inspect.signature(flowai.AsyncInbox.handle).parameters
    assert list(names) == list(inspect.signature(flowai.Inbox.handle).parameters)


def test_the_whole_way_round(sandbox: flowai.Sandbox, run: Run) -> None:
    async def main() -> None:
        verifier = flowai.Verifier.jwt(sandbox.webhook_secret)
        async with (
            flowai.AsyncReceiver(verifier=verifier) as receiver,
            flowai.AsyncClient(sandbox.api_key, base_url=sandbox.base_url) as client,
        ):
            assert repr(receiver) == f"<flowai.AsyncReceiver url='{receiver.url}'>"
            assert await receiver.next(timeout=0) is None
            assert await receiver.next(timeout=0.02) is None
            sandbox.set_webhook(receiver.url)
            waiting = asyncio.ensure_future(receiver.wait(kind="reply", thread_id="t2", timeout=LIMIT))
            await asyncio.gather(*[client.send_text(f"t{n}", f"Hello {n}") for n in range(3)])
            assert (await waiting).text == "Hello 2"
            seen = []
            async for event in receiver:
                seen.append((event.kind, event.text))
                if len(seen) == 5:
                    await receiver.close()
            assert {text for kind, text in seen if kind is EventKind.REPLY} == {"Hello 0", "Hello 1"}
            with pytest.raises(flowai.ClosedError):
                await receiver.next()
            for wrong in (receiver.next(timeout="1"), receiver.wait(thread_id=3), receiver.wait(kind="no")):
                with pytest.raises((TypeError, flowai.InvalidArgumentError)):
                    await wrong

    run(main)


def test_cancelling_a_wait_for_an_event_loses_none(run: Run) -> None:
    async def main() -> list[str]:
        found = []
        async with flowai.AsyncReceiver(verifier=None) as receiver:
            for number in range(30):
                waiting = [asyncio.ensure_future(receiver.next()) for _ in range(3)]
                await asyncio.sleep(0)
                posting = asyncio.ensure_future(asyncio.to_thread(post, receiver.url, body(f"t{number}")))
                await asyncio.sleep(number % 6 / 1000)
                for task in waiting:
                    task.cancel()
                for event in await asyncio.gather(*waiting, return_exceptions=True):
                    if isinstance(event, flowai.Event):
                        found.append(event.thread_id)
                await posting
            while event := await receiver.next(timeout=0):
                found.append(event.thread_id)
        return found

    assert sorted(run(main)) == sorted(f"t{number}" for number in range(30))


def test_an_inbox_from_opening_to_closing(path: Path, run: Run) -> None:
    async def main() -> None:
        opening = flowai.AsyncInbox.open(path, retry_min=0, max_attempts=3)
        async with (
            opening as inbox,
            flowai.AsyncReceiver(inbox, verifier=flowai.Verifier.jwt(SECRET)) as receiver,
        ):
            assert repr(inbox) == f'<flowai.AsyncInbox path="{path}">'
            assert inbox.path == path
            status = await asyncio.to_thread(post, receiver.url, body("t"), {"Authorization": token()})
            assert status // 100 == 2
            assert (await inbox.put(body("t")))[0].duplicate
            assert not (await inbox.put(b"["))[0].duplicate
            with pytest.raises(flowai.InvalidArgumentError, match="take them from there"):
                await receiver.next(timeout=0)
            other = await flowai.AsyncInbox.attach(path)
            assert [entry.thread_id for entry in await other.list(state="waiting")] == ["t"]
            with pytest.raises(flowai.InvalidArgumentError, match="owner"):
                await other.next(timeout=0)
            await other.close()
            delivery = await inbox.next()
            assert isinstance(delivery, flowai.AsyncDelivery)
            assert repr(delivery).startswith("AsyncDelivery(id=1, attempt=1, event=")
            await delivery.heartbeat()
            await delivery.retry(after=0)
            assert delivery.is_settled
            with pytest.raises(flowai.InvalidArgumentError, match="before"):
                await delivery.ack()
            delivery = await inbox.next(timeout=LIMIT)
            await delivery.fail("no luck")
            delivery = await inbox.next(timeout=LIMIT)
            assert delivery.attempt == 3
            await delivery.dead("no hope")
            assert await inbox.next(timeout=0) is None
            assert (await inbox.list(state="dead"))[0].error == "no hope"
            entry, raw = await inbox.show(1)
            assert (entry.state, raw) == ("dead", body("t"))
            assert await inbox.show(99) is None
            assert await inbox.replay(1) == [3]
            with pytest.raises(flowai.WebhookParseError):
                await inbox.replay(2)
            assert (await inbox.stats()).waiting == 1
            assert await inbox.discard(2) is True
            assert await inbox.forget("t") == 2
            assert (await inbox.stats()).dead == 0
            with pytest.raises(TypeError):
                await inbox.put(3)
            with pytest.raises(flowai.InvalidArgumentError, match="state"):
                await inbox.list(state="gone")
        with pytest.raises(flowai.ClosedError):
            await inbox.stats()
        assert [delivery async for delivery in inbox] == []
        with pytest.raises(flowai.StorageError):
            await flowai.AsyncInbox.open(path / "not there" / "a.db")
        with pytest.raises(flowai.InvalidArgumentError):
            await flowai.AsyncInbox.open(path, max_attempts=0)

    run(main)


def test_a_block_says_what_became_of_its_event(path: Path, run: Run) -> None:
    async def main() -> None:
        async with flowai.AsyncInbox.open(path, retry_min=60) as inbox:
            for number in range(4):
                await inbox.put(body(str(number)))
            async with await inbox.next():
                pass
            with pytest.raises(ZeroDivisionError):
                async with await inbox.next():
                    print(1 / 0)
            async with await inbox.next() as delivery:
                await delivery.dead("never")

            inside = asyncio.Event()

            async def wait_for_ever() -> None:
                async with await inbox.next():
                    inside.set()
                    await asyncio.sleep(LIMIT)

            task = asyncio.ensure_future(wait_for_ever())
            await inside.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            entries = await inbox.list()
            assert [entry.state for entry in entries] == ["handled", "waiting", "dead", "waiting"]
            assert "ZeroDivisionError" in entries[1].error
            # What was cancelled is there at once, and the attempt counts, since something may have been done.
            assert (await inbox.next(timeout=LIMIT)).attempt == 2

    run(main)


def test_cancelling_a_wait_for_a_delivery_counts_no_attempt(path: Path, run: Run) -> None:
    async def main() -> None:
        async with flowai.AsyncInbox.open(path) as inbox:
            await inbox.put(body("t"))
            for number in range(60):
                task = asyncio.ensure_future(inbox.next())
                await asyncio.sleep(number % 10 / 2000)
                if task.done():
                    # Then it is ours.
                    assert task.result().attempt == 1
                    await task.result().ack()
                    await inbox.put(body("t", number + 1))
                    continue
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert (await inbox.next(timeout=LIMIT)).attempt == 1

    run(main)


def test_a_function_handles_every_event_in_order(
    path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "flowai.inbox")

    async def main() -> None:
        async with flowai.AsyncInbox.open(path, retry_min=0, max_attempts=2) as inbox:
            for number in range(40):
                await inbox.put(body(f"t{number % 8}", number))
            await inbox.put(body("never"))
            handled: list[tuple[str, int]] = []
            running = most = 0
            done = asyncio.Event()

            async def answer(delivery: flowai.AsyncDelivery) -> None:
                nonlocal running, most
                running += 1
                most = max(most, running)
                try:
                    await asyncio.sleep(0.003)
                    if delivery.event.thread_id == "never" or (
                        delivery.id % 9 == 0 and delivery.attempt == 1
                    ):
                        raise ZeroDivisionError("on purpose")
                    handled.append((delivery.event.thread_id, delivery.id))
                finally:
                    running -= 1

            async def watch() -> None:
                while (await inbox.stats()).waiting:
                    await asyncio.sleep(0.01)
                done.set()

            watching = asyncio.ensure_future(watch())
            await inbox.handle(answer, workers=4, stop=done.wait)
            await watching
            assert 2 <= most <= 4
            assert len(handled) == 40
            for thread in {thread for thread, _ in handled}:
                ids = [number for name, number in handled if name == thread]
                assert ids == sorted(ids)
            dead = (await inbox.list(state="dead"))[0]
            assert dead.thread_id == "never"
            assert dead.error.startswith("Traceback (most recent call last):\n")
            assert dead.error.endswith("ZeroDivisionError: on purpose (attempt 2, the last)")

    run(main)
    levels = [record.levelno for record in caplog.records if "was not handled" in record.message]
    assert levels.count(logging.ERROR) == 1
    assert levels.count(logging.WARNING) == 1 + 4
    assert all(record.exc_info for record in caplog.records if "was not handled" in record.message)


def test_a_lease_lasts_as_long_as_the_function(path: Path) -> None:
    async def main() -> None:
        async with flowai.AsyncInbox.open(path, lease_time=1.0) as inbox:
            await inbox.put(body("t"))
            attempts = []

            async def answer(delivery: flowai.AsyncDelivery) -> None:
                attempts.append(delivery.attempt)
                await asyncio.sleep(2.5)

            await inbox.handle(answer, workers=2, stop=lambda: len(attempts) == 1 and attempts)
            # It returned when the function had.
            assert (await inbox.list())[0].state == "handled"
            assert attempts == [1]

    asyncio.run(main())


def test_how_handling_ends(path: Path, run: Run) -> None:
    class Unlike(BaseException):
        pass

    async def main() -> None:
        async with flowai.AsyncInbox.open(path, retry_min=0, max_attempts=1_000_000) as inbox:
            await inbox.put(body("t"))
            began = asyncio.Event()
            seen: list[flowai.AsyncDelivery] = []

            async def wait_for_ever(delivery: flowai.AsyncDelivery) -> None:
                seen.append(delivery)
                began.set()
                await asyncio.sleep(LIMIT)

            task = asyncio.ensure_future(inbox.handle(wait_for_ever))
            await asyncio.wait_for(began.wait(), LIMIT)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert seen[0].is_settled
            assert len(asyncio.all_tasks()) == 1

            async def unlike(_delivery: flowai.AsyncDelivery) -> None:
                raise Unlike

            with pytest.raises(Unlike):
                await inbox.handle(unlike)

            async def cancelled(_delivery: flowai.AsyncDelivery) -> None:
                raise asyncio.CancelledError

            failed = asyncio.ensure_future(inbox.handle(cancelled, stop=lambda: False))
            while (await inbox.list())[0].attempts < 4:
                await asyncio.sleep(0.01)
            failed.cancel()
            with pytest.raises(asyncio.CancelledError):
                await failed
            with pytest.raises(TypeError, match="must be a coroutine function"):
                await inbox.handle(lambda _delivery: None)
            with pytest.raises(TypeError, match="must be callable"):
                await inbox.handle(3)
            with pytest.raises(TypeError, match="must be callable"):
                await inbox.handle(unlike, stop=3)
            with pytest.raises(flowai.InvalidArgumentError, match="workers"):
                await inbox.handle(unlike, workers=0)
            with pytest.raises(ZeroDivisionError):
                await inbox.handle(cancelled, stop=lambda: 1 // 0)
            # Nothing is taken when it is to stop from the start.
            await inbox.handle(unlike, stop=lambda: True)
            handling = asyncio.ensure_future(inbox.handle(wait_for_ever, stop=None))
            async with flowai.AsyncInbox.open(path.with_name("b.db")) as empty:
                closing = asyncio.ensure_future(empty.handle(wait_for_ever))
                await asyncio.sleep(0.05)
            await asyncio.wait_for(closing, LIMIT)
            handling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await handling
            assert len(asyncio.all_tasks()) == 1

    logging.getLogger("flowai.inbox").setLevel(logging.CRITICAL)
    try:
        run(main)
    finally:
        logging.getLogger("flowai.inbox").setLevel(logging.NOTSET)


HOLD = """
import sqlite3, sys
locks = [sqlite3.connect(name, isolation_level=None) for name in sys.argv[1:]]
for lock in locks:
    lock.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def test_the_loop_goes_on_while_the_disk_is_slow(sandbox: flowai.Sandbox, path: Path) -> None:
    """Another program holds the databases for half a second."""
    outbox_path = path.with_name("outbox.db")
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.005)
            turns += 1

    async def main() -> None:
        async with (
            flowai.AsyncInbox.open(path, lock_time=LIMIT) as inbox,
            flowai.AsyncClient(sandbox.api_key, base_url=sandbox.base_url) as client,
            flowai.AsyncOutbox.open(outbox_path, client, lock_time=LIMIT) as outbox,
        ):
            await inbox.put(body("t"))
            delivery = await inbox.next()
            holder = await asyncio.create_subprocess_exec(
                sys.executable, "-c", HOLD, path, outbox_path, stdin=PIPE, stdout=PIPE
            )
            assert holder.stdout is not None
            assert await holder.stdout.readline() == b"held\n"
            counting = asyncio.ensure_future(count_turns())
            work = [
                asyncio.ensure_future(one)
                for one in (
                    inbox.put(body("u")),
                    delivery.ack(),
                    inbox.next(),
                    inbox.forget("v"),
                    outbox.send_text("t", "Hello"),
                    outbox.acknowledge(1),
                )
            ]
            await asyncio.sleep(0.5)
            waited = [not task.done() for task in work]
            await holder.communicate(b"")
            assert all(waited), waited
            await asyncio.gather(*work)
            counting.cancel()

    asyncio.run(main())
    # A blocked loop would have had one or two.
    assert turns > 20


def test_an_outbox_from_opening_to_closing(
    sandbox: flowai.Sandbox, path: Path, tmp_path: Path, run: Run
) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"x" * 1000)

    async def main() -> None:
        client = flowai.AsyncClient(sandbox.api_key, base_url=sandbox.base_url)
        async with flowai.AsyncOutbox.open(path, client) as outbox:
            assert repr(outbox) == f'<flowai.AsyncOutbox path="{path}">'
            assert outbox.path == path
            receipts = [
                await outbox.send_text("t", "Hello", trace_id=7),
                await outbox.send_event("t", "MY_EVENT"),
                await outbox.send_location("t", 52.37, 4.89),
                await outbox.send_media("t", "https://example.com/a.png", media_type="image"),
                await outbox.upload_media("t", photo),
                await outbox.upload_media("t", b"y" * 10, filename="a.bin"),
                await outbox.send("t", flowai.TextMessage("Hello")),
            ]
            assert receipts[0].trace_id == 7
            assert await outbox.flush(timeout=LIMIT) == 0
            first = await outbox.next_report(timeout=LIMIT)
            assert await outbox.acknowledge(first.number) is True
            assert await outbox.acknowledge(first.number) is False
            seen = [first.id]
            async for report in outbox.reports(timeout=0.05):
                assert report.outcome == "sent"
                seen.append(report.id)
            assert seen == [receipt.id for receipt in receipts]
            assert (await outbox.stats()).reports == 0
            assert await outbox.confirm(flowai.parse_event(body("t"))) is False
            assert await outbox.list() == []
            assert await outbox.show(99) is None
            assert await outbox.discard(99) is False
            with pytest.raises(flowai.InvalidArgumentError) as caught:
                await outbox.send_text("t", "x" * 256)
            assert (caught.value.delivery, caught.value.operation) == ("not_sent", "send_text")
            both = outbox.reports()
            found = await asyncio.gather(
                asyncio.wait_for(both.__anext__(), 0.05), both.__anext__(), return_exceptions=True
            )
            assert [type(one) for one in found] == [asyncio.TimeoutError, ValueError]
            guest = await flowai.AsyncOutbox.attach(path, sandbox.client())
            await guest.send_text("t", "by a guest")
            await guest.close()
            await outbox.send_text("t", "last")
            assert await outbox.flush(timeout=LIMIT) == 0
        with pytest.raises(flowai.ClosedError):
            await outbox.send_text("t", "x")
        assert [report async for report in outbox.reports()] == []

    run(main)
    assert [request.file.length for request in sandbox.requests if request.file] == [1000, 10]


def test_cancelling_a_wait_for_a_report_loses_none(sandbox: flowai.Sandbox, path: Path, run: Run) -> None:
    async def main() -> None:
        async with flowai.AsyncOutbox.open(path, sandbox.client()) as outbox:
            ids = [(await outbox.send_text("t", f"{number}")).id for number in range(20)]
            assert await outbox.flush(timeout=LIMIT) == 0
            found = []
            while len(found) < 20:
                tasks = [asyncio.ensure_future(outbox.next_report()) for _ in range(3)]
                await asyncio.sleep(len(found) % 5 / 1000)
                for task in tasks:
                    task.cancel()
                done = await asyncio.gather(*tasks, return_exceptions=True)
                found += [one.id for one in done if isinstance(one, flowai.OutboxReport)]
                if report := await outbox.next_report(timeout=0.02):
                    found.append(report.id)
            assert sorted(found) == sorted(ids)

    run(main)


def test_what_is_thrown_away_is_closed(sandbox: flowai.Sandbox, path: Path) -> None:
    async def main() -> None:
        outbox = await flowai.AsyncOutbox.open(path, sandbox.client())
        waiting = asyncio.ensure_future(outbox.next_report())
        await asyncio.sleep(0.05)
        del outbox
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        del waiting
        gc.collect()
        await (await flowai.AsyncOutbox.open(path, sandbox.client())).close()
        inbox = await flowai.AsyncInbox.open(path.with_name("inbox.db"))
        waiting = asyncio.ensure_future(inbox.next())
        await asyncio.sleep(0.05)
        del inbox
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        del waiting
        end = time.monotonic() + LIMIT
        while True:
            gc.collect()
            try:
                async with flowai.AsyncInbox.open(path.with_name("inbox.db")):
                    return
            except flowai.StorageError:
                assert time.monotonic() < end
                await asyncio.sleep(0.01)

    asyncio.run(main())
    with pytest.warns(RuntimeWarning, match=r"coroutine 'AsyncInbox.open' was never awaited"):
        flowai.AsyncInbox.open(path.with_name("never.db"))
    assert not path.with_name("never.db").exists()


def test_loops_in_threads_share_an_inbox(path: Path) -> None:
    handled: list[int] = []

    async def opened() -> flowai.AsyncInbox:
        inbox = await flowai.AsyncInbox.open(path)
        for number in range(60):
            await inbox.put(body(f"t{number % 6}", number))
        return inbox

    inbox = asyncio.run(opened())

    async def work() -> None:
        while delivery := await inbox.next(timeout=0.2):
            async with delivery:
                handled.append(delivery.id)

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(handled) == list(range(1, 61))
    asyncio.run(inbox.close())  # type: ignore[arg-type]


def in_forked_child(
    inbox: flowai.AsyncInbox, receiver: flowai.AsyncReceiver, outbox: flowai.AsyncOutbox
) -> None:
    async def main() -> None:
        for wrong in (
            inbox.next(),
            inbox.put(b"{}"),
            receiver.next(),
            receiver.close(),
            outbox.stats(),
            inbox.close(),
        ):
            try:
                await wrong
            except flowai.ForkedError:
                continue
            raise AssertionError(wrong)
        await outbox.send_text("t", "of a child")
        async with inbox, receiver, outbox:
            pass

    asyncio.run(main())


def fork_with_everything(folder: str) -> int:
    with flowai.Sandbox() as sandbox:

        async def main() -> int:
            async with (
                flowai.AsyncInbox.open(Path(folder, "inbox.db")) as inbox,
                flowai.AsyncOutbox.open(Path(folder, "outbox.db"), sandbox.client()) as outbox,
                flowai.AsyncReceiver(verifier=None) as receiver,
            ):
                waiting = [
                    asyncio.ensure_future(one)
                    for one in (inbox.next(), receiver.next(), outbox.next_report())
                ]
                await asyncio.sleep(0.05)
                pids = []
                for _ in range(4):
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", DeprecationWarning)
                        pid = os.fork()
                    if pid == 0:
                        code = 1
                        # The child leaves the loop of its parent.
                        asyncio.events._set_running_loop(None)
                        with contextlib.suppress(BaseException):
                            in_forked_child(inbox, receiver, outbox)
                            code = 0
                        os._exit(code)
                    pids.append(pid)
                await asyncio.to_thread(wait_for_forked, pids, LIMIT)
                await inbox.put(body("t"))
                await asyncio.to_thread(post, receiver.url, body("t"))
                assert (await waiting[0]).attempt == 1
                assert (await waiting[1]).thread_id == "t"
                assert (await waiting[2]).outcome == "sent"
                assert await outbox.flush(timeout=LIMIT) == 0
                return sum(1 for request in sandbox.requests if request.body)

        return asyncio.run(main())


def test_forked_children(tmp_path: Path) -> None:
    assert call(fork_with_everything, str(tmp_path), limit=120) == 4


EXIT = """
import asyncio, flowai, pathlib, sys
folder = pathlib.Path(sys.argv[1])
kept = []
async def answer(delivery):
    await asyncio.sleep(60)
async def main():
    with flowai.Sandbox() as sandbox:
        inbox = await flowai.AsyncInbox.open(folder / "inbox.db")
        outbox = await flowai.AsyncOutbox.open(folder / "outbox.db", sandbox.client())
        receiver = flowai.AsyncReceiver(verifier=None)
        await inbox.put(b'{"type": "message.reply", "threadId": "t"}')
        kept.extend([inbox, outbox, receiver])
        kept.extend(map(asyncio.ensure_future, [
            inbox.handle(answer), inbox.next(), receiver.next(), outbox.next_report(),
            outbox.reports().__anext__(),
        ]))
        await asyncio.sleep(0.3)
"""
ENDS = {
    "return": "asyncio.run(main())",
    "loop left open": "import warnings; warnings.simplefilter('ignore')\n"
    "loop = asyncio.new_event_loop(); loop.set_exception_handler(lambda *_: None)\n"
    "loop.run_until_complete(main())",
    "loop in a thread": "import threading, time\n"
    "threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()\ntime.sleep(0.8)",
}


@pytest.mark.parametrize("name", ENDS)
def test_exit_with_everything_pending(name: str, tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    running = [start_script(EXIT + ENDS[name], str(folder)) for folder in folders]
    for finished in [finish(process, limit=60) for process in running]:
        assert (finished.code, finished.errors) == (0, "")


def top_level(source: str, names: dict[str, Any]) -> Any:
    """Runs an example, which may await."""
    code = compile(source, "<example>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return eval(code, names)


@pytest.mark.parametrize(
    "kind", [flowai.AsyncReceiver, flowai.AsyncInbox, flowai.AsyncDelivery, flowai.AsyncOutbox]
)
def test_the_examples_of_the_classes_run(
    kind: type, sandbox: flowai.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWAI_API_KEY", sandbox.api_key)
    monkeypatch.setenv("FLOWAI_BASE_URL", sandbox.base_url)
    examples = doctest.DocTestParser().get_examples(inspect.cleandoc(kind.__doc__ or ""))
    assert len(examples) == 1
    if kind is flowai.AsyncDelivery:
        opened = flowai.Inbox.open("given.db")
        opened.put(body("t"))
        opened.close()

    async def main() -> None:
        said = []
        inbox = await flowai.AsyncInbox.open("given.db")
        names: dict[str, Any] = {
            "flowai": flowai,
            "verifier": None,
            "secret": SECRET,
            "inbox": inbox,
            "print": lambda *words: said.append(words),
        }
        run = top_level(examples[0].source, names)
        if kind is flowai.AsyncOutbox:
            await run
            return
        task = asyncio.ensure_future(run)
        if kind is flowai.AsyncDelivery:
            while not said:
                await asyncio.sleep(0.01)
        else:
            await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await inbox.close()

    asyncio.run(main())


def test_the_example_of_handle_runs(path: Path, run: Run) -> None:
    examples = doctest.DocTestParser().get_examples(inspect.cleandoc(flowai.AsyncInbox.handle.__doc__ or ""))
    source = "".join(example.source for example in examples)

    async def main() -> list[tuple[object, ...]]:
        said: list[tuple[object, ...]] = []
        async with flowai.AsyncInbox.open(path) as inbox:
            await inbox.put(body("t"))
            names = {
                "flowai": flowai,
                "asyncio": asyncio,
                "inbox": inbox,
                "print": lambda *words: said.append(words),
            }
            task = asyncio.ensure_future(top_level(source, names))
            while not said:
                await asyncio.sleep(0.01)
            names["done"].set()  # type: ignore[attr-defined]
            await asyncio.wait_for(task, LIMIT)
        return said

    assert run(main) == [("0",)]
