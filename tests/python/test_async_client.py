"""AsyncClient on event loops: cancelling, many at once, what is dropped, several loops, forks, exit."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import io
import os
import signal
import subprocess
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowai
from children import call, finish, start_script, wait_for_forked
from loops import Run
from stalling import LONG, SOON
from vectors import server


def options_of(sandbox: flowai.Sandbox) -> dict[str, Any]:
    return {"api_key": sandbox.api_key, "base_url": sandbox.base_url}


def test_a_whole_conversation(sandbox: flowai.Sandbox, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"x" * 700_001)

    async def main() -> None:
        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            assert (await client.send_text("t", "Hello")).status == "ok"
            assert (await client.ask("t", "Are you there?")).text == "Are you there?"
            entries = [entry.messages[0].text async for entry in client.iter_history("t")]
            assert entries == ["Hello", "Hello", "Are you there?", "Are you there?"]
            assert [thread async for thread in client.iter_threads(limit=1)] == ["t"]
            assert await client.with_options(originator="Jane").segments() == []
            for file in (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), path.open("rb")):
                told: list[tuple[int, int | None]] = []
                await client.upload_media(
                    "t", file, filename="a", progress=lambda *at, to=told: to.append(at)
                )
                assert told[-1] == (700_001, 700_001)
                assert told == sorted(told)
                if isinstance(file, io.IOBase):
                    file.close()
        with pytest.raises(flowai.ClosedError):
            await client.send_text("t", "x")

    run(main)
    assert [request.file.length for request in sandbox.requests if request.file] == [700_001] * 5


def test_calls_are_coroutines(sandbox: flowai.Sandbox) -> None:
    client = flowai.AsyncClient(**options_of(sandbox))

    async def main() -> None:
        made = client.send_text("t", "as a task")
        assert asyncio.iscoroutine(made)
        assert inspect.isawaitable(made)
        task = asyncio.create_task(made)
        assert "send_text" in repr(task)
        await task
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await made
        # What is wrong is said when it is awaited, also to gather.
        wrong = client.send_text("", "x"), client.send_text("t", 3), client.bot_status("t", timeout=-1)
        kinds = [type(error) for error in await asyncio.gather(*wrong, return_exceptions=True)]
        assert kinds == [flowai.InvalidArgumentError, TypeError, flowai.InvalidArgumentError]

    asyncio.run(main())
    assert len(sandbox.requests) == 1


def test_nothing_is_sent_before_it_is_awaited(sandbox: flowai.Sandbox) -> None:
    client = flowai.AsyncClient(**options_of(sandbox))
    with pytest.warns(RuntimeWarning, match="'AsyncClient.send_text' was never awaited"):
        client.send_text("t", "x")
    closed = client.send_text("t", "x")
    closed.close()
    with pytest.raises(RuntimeError, match="no running event loop"):
        client.send_text("t", "x").send(None)
    assert sandbox.requests == []


def test_one_that_is_executing_is_left_alone(sandbox: flowai.Sandbox) -> None:
    async def main() -> int:
        told = 0

        def progress(*_: int) -> None:
            nonlocal told
            told += 1
            for attempt in (made.close, lambda: made.send(None), lambda: made.throw(KeyError)):
                with pytest.raises(ValueError, match="coroutine already executing"):
                    attempt()

        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            made: Any = client.upload_media("t", b"x" * 1000, filename="x.bin", progress=progress)
            await made
        return told

    assert asyncio.run(main()) > 0
    assert len(sandbox.requests) == 1


def parameters_of(method: Callable[..., Any]) -> list[inspect.Parameter]:
    """Names, kinds and defaults; functions that are written in Python say types too, which differ."""
    parameters = inspect.signature(method).parameters.values()
    return [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]


def test_signatures_are_those_of_client() -> None:
    assert inspect.signature(flowai.AsyncClient) == inspect.signature(flowai.Client)
    names = [name for name in dir(flowai.Client) if not name.startswith("_") and name != "base_url"]
    for name in names:
        one, other = (parameters_of(getattr(client, name)) for client in (flowai.Client, flowai.AsyncClient))
        assert one == other
    assert not issubclass(flowai.AsyncClient, flowai.Client)


def test_a_thousand_at_once(sandbox: flowai.Sandbox, run: Run) -> None:
    async def main() -> list[flowai.Receipt]:
        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            made = [client.send_text(f"t{n}", "Hello", trace_id=n) for n in range(1000)]
            return list(await asyncio.gather(*made))

    receipts = run(main)
    assert [(receipt.thread_id, receipt.trace_id) for receipt in receipts] == [
        (f"t{n}", n) for n in range(1000)
    ]


def test_a_loop_that_runs_inside_a_task(sandbox: flowai.Sandbox) -> None:
    """As dialogs of graphical programs do: the tasks that were woken with it go on meanwhile."""
    done: list[int] = []

    async def one(client: flowai.AsyncClient, begin: asyncio.Event, number: int) -> None:
        await begin.wait()
        await client.send_text("t", "first")
        if number == 0:
            loop: Any = asyncio.get_running_loop()
            task = asyncio.current_task()
            assert task is not None
            asyncio.tasks._leave_task(loop, task)
            end = time.monotonic() + SOON
            while len(done) < 3:
                assert time.monotonic() < end
                loop.call_later(0.01, int)
                loop._run_once()
            asyncio.tasks._enter_task(loop, task)
        await client.send_text("t", "second")
        done.append(number)

    async def main() -> None:
        begin = asyncio.Event()
        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            await asyncio.gather(*[client.send_text("t", "x") for _ in range(4)])
            tasks = [asyncio.create_task(one(client, begin, number)) for number in range(4)]
            await asyncio.sleep(0)
            begin.set()
            await asyncio.sleep(0)
            time.sleep(0.3)
            await asyncio.gather(*tasks)

    asyncio.run(main())
    assert done[-1] == 0
    assert sorted(done) == [0, 1, 2, 3]
    assert len(sandbox.requests) == 12


def test_what_ends_the_loop_in_one_task_leaves_the_others(sandbox: flowai.Sandbox) -> None:
    client = flowai.AsyncClient(**options_of(sandbox))
    loop = asyncio.new_event_loop()

    async def one(begin: asyncio.Event, number: int) -> None:
        await begin.wait()
        await client.send_text("t", "first")
        if number == 0:
            raise SystemExit(7)
        await client.send_text("t", "second")

    async def main() -> list[asyncio.Task[None]]:
        begin = asyncio.Event()
        await asyncio.gather(*[client.send_text("t", "x") for _ in range(4)])
        tasks = [asyncio.create_task(one(begin, number)) for number in range(4)]
        await asyncio.sleep(0)
        begin.set()
        await asyncio.sleep(0)
        time.sleep(0.3)
        return tasks

    tasks = loop.run_until_complete(main())
    with pytest.raises(SystemExit):
        loop.run_forever()
    loop.run_until_complete(asyncio.wait_for(asyncio.gather(*tasks[1:]), SOON))
    with pytest.raises(SystemExit):
        tasks[0].result()
    loop.close()
    assert len(sandbox.requests) == 4 + 4 + 3


def test_loops_in_threads_share_a_client(sandbox: flowai.Sandbox) -> None:
    client = flowai.AsyncClient(**options_of(sandbox))
    done: list[int] = []

    async def main(number: int) -> None:
        for _ in range(5):
            await asyncio.gather(*[client.send_text(f"t{number}", "x") for _ in range(20)])
            done.append(number)

    def work(number: int) -> None:
        # Two loops, one after the other, in each thread.
        asyncio.run(main(number))
        asyncio.run(main(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted([*range(4)] * 10)


def test_a_loop_that_is_closed_with_work_pending() -> None:
    script = """
import asyncio, flowai, gc, sys
client = flowai.AsyncClient("k", base_url=sys.argv[1], timeout=1.0)
async def start():
    made = client.send_text("t", "x")
    future = made.send(None)
    return made
loop = asyncio.new_event_loop()
made = loop.run_until_complete(start())
loop.close()
import time
time.sleep(1.5)
made.close()
del made, loop
gc.collect()
print("done")
"""
    finished = finish(start_script(script, server().fault("stall", "loopclosed")["base_url"]), limit=60)
    assert (finished.code, finished.output, finished.errors) == (0, "done\n", "")


def test_loops_are_not_kept(sandbox: flowai.Sandbox) -> None:
    client = flowai.AsyncClient(**options_of(sandbox))

    async def main() -> weakref.ref[asyncio.AbstractEventLoop]:
        await client.send_text("t", "x")
        return weakref.ref(asyncio.get_running_loop())

    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    loops = [asyncio.run(main()) for _ in range(50)]
    gc.collect()
    assert [loop() for loop in loops].count(None) == 50
    if before:
        assert len(os.listdir("/proc/self/fd")) < before + 25


def test_files_are_read_beside_the_loop(sandbox: flowai.Sandbox) -> None:
    class Slow(io.RawIOBase):
        left = 6
        threads: set[int] = set()  # noqa: RUF012

        def read(self, size: int = -1) -> bytes:
            self.threads.add(threading.get_ident())
            time.sleep(0.05)
            self.left -= 1
            return b"x" * 10 if self.left >= 0 else b""

    class Broken(Slow):
        def read(self, size: int = -1) -> bytes:
            if self.left < 3:
                raise ZeroDivisionError
            return super().read(size)

    class Stop(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        raise Stop

    async def main() -> None:
        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            turns = 0
            upload = asyncio.ensure_future(client.upload_media("t", Slow(), filename="a"))
            while not upload.done():
                turns += 1
                await asyncio.sleep(0.005)
            await upload
            assert turns > 10
            assert threading.get_ident() not in Slow.threads
            with pytest.raises(ZeroDivisionError):
                await client.upload_media("t", Broken(), filename="a")
            with pytest.raises(TypeError, match="binary mode"):
                await client.upload_media("t", io.StringIO("text"))
            with pytest.raises(Stop):
                await client.upload_media("t", b"x" * 1_000_000, progress=stop)

    asyncio.run(main())
    # What broke did not arrive as a shorter file.
    assert [request.file.length for request in sandbox.requests if request.file] in ([60], [60, 1_000_000])


def test_pages_after_an_error(sandbox: flowai.Sandbox) -> None:
    async def main() -> None:
        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            for number in range(25):
                await client.send_text("t", str(number))
            entries = client.iter_history("t")
            sandbox.fail_next(status=404)
            with pytest.raises(flowai.NotFoundError):
                await entries.__anext__()
            assert len([entry async for entry in entries]) == 50
            assert [entry async for entry in entries] == []
            # One task at a time: the second comes while the first waits for an answer that does not come.
            sandbox.fail_next(connection="stall")
            both = client.iter_history("t", timeout=0.5)
            found = await asyncio.gather(both.__anext__(), both.__anext__(), return_exceptions=True)
            assert {type(one) for one in found} == {flowai.APITimeoutError, ValueError}

    asyncio.run(main())


def test_a_history_is_read_one_page_ahead(sandbox: flowai.Sandbox) -> None:
    async def main() -> None:
        async with flowai.AsyncClient(**options_of(sandbox)) as client:
            for number in range(25):
                await client.send_text("t", str(number))
            before = len(sandbox.requests)
            entries = client.iter_history("t")
            first = await entries.__anext__()
            # Nothing more is asked of the iterator until the next page was asked of the service.
            while len(sandbox.requests) < before + 2:
                await asyncio.sleep(0.005)
            rest = [entry async for entry in entries]
            pages = [request.query for request in sandbox.requests[before:]]
            assert pages == ["sync=true", "sync=true&page=2", "sync=true&page=3"]
            assert [first, *rest] == [entry async for entry in client.iter_history("t")]

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_client_is_not_pickled(sandbox: flowai.Sandbox) -> None:
    client = flowai.AsyncClient(**options_of(sandbox))
    with pytest.raises(TypeError, match="AsyncClient cannot be pickled"):
        client.__reduce__()
    assert repr(client) == f"<flowai.AsyncClient base_url='{sandbox.base_url}'>"


def fork_with_loops(options: dict[str, Any]) -> int:
    """Forks while tasks are on their way, and sends in the children; gives how many messages were sent."""
    client = flowai.AsyncClient(**options, timeout=LONG)

    async def send(number: int) -> None:
        receipts = await asyncio.gather(*[client.send_text("t", "x") for _ in range(number)])
        assert all(receipt.request_id == str(receipt.trace_id) for receipt in receipts)

    def in_fork() -> int:
        pid = os.fork()
        if pid == 0:
            code = 1
            with contextlib.suppress(BaseException):
                asyncio.run(send(5))
                gc.collect()
                code = 0
            os._exit(code)
        return pid

    asyncio.run(send(5))
    loop = asyncio.new_event_loop()
    pending = [loop.create_task(send(3)) for _ in range(3)]
    loop.run_until_complete(asyncio.sleep(0))
    for _ in range(10):
        with warnings.catch_warnings():
            # Later versions warn of every fork while threads run.
            warnings.simplefilter("ignore", DeprecationWarning)
            wait_for_forked([in_fork()], LONG)
    loop.run_until_complete(asyncio.gather(*pending))
    loop.close()
    return 5 + 9 + 10 * 5


def test_loops_of_forked_children() -> None:
    sent = call(fork_with_loops, server().fault("ok", "asyncfork"), limit=120)
    assert server().counts("asyncfork")["distinct"] == sent


EXIT = """
import asyncio, flowai, sys
client = flowai.AsyncClient("k", base_url=sys.argv[1], timeout=60)
kept = []
async def main():
    tasks = [asyncio.ensure_future(client.send_text("t", "x")) for _ in range(20)]
    await asyncio.sleep(0.2)
    {end}
"""
# How a process ends whose calls are on their way, and its exit code.
ENDS = {
    "return": ("return", "asyncio.run(main())", 0),
    "sys.exit": ("sys.exit(3)", "asyncio.run(main())", 3),
    "loop left open": (
        "kept.extend(tasks)",
        "import warnings; warnings.simplefilter('ignore')\n"
        "loop = asyncio.new_event_loop()\nloop.set_exception_handler(lambda *_: None)\n"
        "loop.run_until_complete(main())",
        0,
    ),
    "loop in a thread": (
        "await asyncio.sleep(60)",
        "import threading, time\n"
        "threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()\ntime.sleep(0.6)",
        0,
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_exit_with_pending_awaits(name: str) -> None:
    end, start, code = ENDS[name]
    url = server().fault("stall", "asyncexits")["base_url"]

    def begin() -> subprocess.Popen[str]:
        return start_script(EXIT.format(end=end) + start, url)

    for _ in range(5):
        running = [begin() for _ in range(4)]
        for finished in [finish(process, limit=60) for process in running]:
            assert (finished.code, finished.errors) == (code, "")


def interrupted_loop(options: dict[str, Any]) -> list[Any]:
    client = flowai.AsyncClient(**options, timeout=LONG)
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    try:
        asyncio.run(client.send_text("t", "Hello"))
        raised = "nothing"
    except BaseException as error:
        raised = type(error).__name__
    return [raised, time.monotonic() - began]


def test_ctrl_c_ends_a_loop_that_waits() -> None:
    raised, took = call(interrupted_loop, server().fault("stall", "asyncinterrupt"), limit=60)
    assert raised == "KeyboardInterrupt"
    assert took < SOON


def test_asyncio_is_imported_only_when_it_is_used() -> None:
    script = "import sys, flowai; flowai.AsyncClient('k'); print('asyncio' in sys.modules)"
    finished = finish(start_script(script), limit=60)
    assert (finished.code, finished.output) == (0, "False\n")
