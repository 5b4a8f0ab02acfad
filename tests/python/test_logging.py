"""What the core logs reaches Python's logging: on the right logger, in time, and only when it is wanted."""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import flowai
from children import call, finish, start_script, wait_for_forked
from conftest import Server, reply


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """Every test begins with loggers that nobody has set up."""
    yield
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.split(".")[0] == "flowai" and isinstance(logger, logging.Logger):
            logger.setLevel(logging.NOTSET)
            logger.handlers.clear()


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]

    def wait(self, text: str, limit: float = 20) -> logging.LogRecord:
        end = time.monotonic() + limit
        while time.monotonic() < end:
            for record in self.records:
                if text in record.getMessage():
                    return record
            time.sleep(0.01)
        raise AssertionError(f"{text!r} was not logged: {self.texts()}")


def kept(level: int = logging.DEBUG, name: str = "flowai") -> Kept:
    handler, logger = Kept(), logging.getLogger(name)
    logger.addHandler(handler)
    logger.setLevel(level)
    return handler


def answers(handler: Kept) -> list[logging.LogRecord]:
    return [record for record in handler.records if hasattr(record, "operation")]


def test_a_call_says_what_it_did(serve: Callable[..., Server]) -> None:
    server = serve(reply(headers={"X-Request-Id": "request-1"}))
    handler = kept()
    before = time.time()
    server.client().send_text("thread-of-a-person", "A private text", trace_id=77)
    (record,) = answers(handler)
    assert record.name == "flowai.client"
    assert record.levelno == logging.DEBUG
    assert record.getMessage().startswith("send_text: answered 200 in ")
    assert record.getMessage().endswith(" ms (attempt 1, trace id 77, request id request-1)")
    facts = vars(record)
    assert [facts[n] for n in ("operation", "status", "attempt", "request_id", "trace_id")] == [
        "send_text",
        200,
        1,
        "request-1",
        77,
    ]
    assert 0 < facts["duration"] < 20
    # The record has the time of what it tells, and the thread of whoever called.
    assert before - 1 < record.created <= time.time()
    assert record.threadName == threading.current_thread().name
    assert record.filename == "trail.rs"
    assert logging.Formatter("%(asctime)s %(thread)d %(funcName)s %(message)s").format(record)
    # Neither whom it was about nor what was said.
    assert not [text for text in handler.texts() if "person" in text or "private" in text]


def test_records_are_there_when_the_call_returns(client: flowai.Client) -> None:
    handler = kept()
    for number in range(1, 30):
        client.send_text("t", "Hello")
        assert len(answers(handler)) == number


def test_retries_and_pauses_are_told(serve: Callable[..., Server]) -> None:
    def first_fails(status: int, headers: dict[str, str]) -> Server:
        refused, ok = reply(status, b"{}", headers), reply(200, b'{"history": []}')
        server = serve(lambda handler, body: (ok if len(server.requests) > 1 else refused)(handler, body))
        return server

    handler = kept(logging.INFO)
    first_fails(500, {"X-Request-Id": "request-2"}).client().history("t")
    (record,) = handler.records
    assert (record.levelname, record.status, record.attempt) == ("INFO", 500, 1)  # type: ignore[attr-defined]
    assert "again in" in record.getMessage()
    assert record.request_id == "request-2"  # type: ignore[attr-defined]
    first_fails(429, {"Retry-After": "0"}).client().send_text("t", "Hello")
    assert (handler.records[1].levelname, handler.records[1].pause) == ("WARNING", 0)  # type: ignore[attr-defined]
    # What ends as an exception is for whoever catches it, and no more than a detail here.
    with pytest.raises(flowai.ServerError):
        serve(reply(500, b'{"message": "words of the service"}')).client().send_text("t", "Hello")
    assert len(handler.records) == 2
    handler = kept(logging.DEBUG)
    with pytest.raises(flowai.ServerError):
        serve(reply(500, b'{"message": "words of the service"}')).client().send_text("t", "Hello")
    record = answers(handler)[-1]
    assert record.delivery == "maybe_sent"  # type: ignore[attr-defined]
    assert "words of the service" not in record.getMessage()


def test_the_level_is_that_of_pythons_logger(client: flowai.Client) -> None:
    handler = kept(logging.WARNING)
    client.send_text("t", "Hello")
    assert handler.records == []
    logging.getLogger("flowai.client").setLevel(logging.DEBUG)
    client.send_text("t", "Hello")
    assert len(answers(handler)) == 1
    logging.getLogger("flowai.client").setLevel(logging.NOTSET)
    logging.getLogger("flowai").setLevel(logging.DEBUG)
    client.send_text("t", "Hello")
    assert len(answers(handler)) == 2
    logging.disable(logging.INFO)
    try:
        client.send_text("t", "Hello")
    finally:
        logging.disable(logging.NOTSET)
    assert len(answers(handler)) == 2


def test_awaited_calls_are_told_on_their_loop(client: flowai.Client, sandbox: flowai.Sandbox) -> None:
    handler = kept()

    async def main() -> None:
        async with flowai.AsyncClient(sandbox.api_key, base_url=sandbox.base_url) as client:
            for number in range(1, 20):
                await client.send_text("t", "Hello")
                assert len(answers(handler)) == number
            await asyncio.gather(*[client.send_text("t", "Hello") for _ in range(20)])

    asyncio.run(main())
    assert len(answers(handler)) == 39
    names = [record.threadName for record in answers(handler)]
    # What needs a new connection is made by a thread of the core, and the rest on the loop's own.
    assert (names[0], set(names[1:19])) == ("flowai", {"MainThread"})
    assert set(names[19:]) == {"flowai", "MainThread"}


def test_what_is_logged_while_nobody_calls_is_delivered_too(
    loop: tuple[flowai.Client, flowai.Receiver, flowai.Sandbox],
) -> None:
    _, receiver, _ = loop
    handler = kept(name="flowai.receiver")
    # The level is looked at once a second while nobody calls.
    time.sleep(1.5)
    raw_call(receiver.url, b"{}")
    record = handler.wait("webhook call refused with 401")
    assert (record.name, record.threadName) == ("flowai.receiver", "flowai")
    assert record.status == 401  # type: ignore[attr-defined]


def raw_call(url: str, body: bytes) -> int:
    import http.client
    import urllib.parse

    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.request("POST", parts.path, body)
    status = connection.getresponse().status
    connection.close()
    return status


def test_an_inbox_and_an_outbox_tell_what_becomes_of_things(
    tmp_path: Path, sandbox: flowai.Sandbox, client: flowai.Client
) -> None:
    handler = kept()
    with flowai.Inbox.open(tmp_path / "inbox.db") as inbox:
        inbox.put(b'{"type": "message.reply", "threadId": "thread-of-a-person"}')
        with next(iter(inbox)):
            pass
        inbox.put(b'{"type": "message.reply", "threadId": "thread-of-a-person"}')
        next(iter(inbox)).dead("on purpose")
    told = [(r.name, r.levelname) for r in handler.records if r.name == "flowai.inbox"]
    assert told == [("flowai.inbox", "DEBUG")] * 3 + [("flowai.inbox", "WARNING")]
    with flowai.Outbox.open(tmp_path / "outbox.db", client, retry_min=0.01, retry_max=0.02) as outbox:
        sandbox.fail_next(status=429, retry_after=0)
        outbox.send_text("thread-of-a-person", "Hello")
        assert outbox.flush(timeout=30) == 0
        again, sent = handler.wait("not sent, and due again"), handler.wait("attempt 2: sent")
    assert (again.levelname, again.status) == ("INFO", 429)  # type: ignore[attr-defined]
    assert (sent.name, sent.levelname) == ("flowai.outbox", "DEBUG")
    assert not [text for text in handler.texts() if "person" in text]


def test_the_alarm_of_a_receiver_is_a_warning(sandbox: flowai.Sandbox) -> None:
    handler = kept(logging.WARNING)
    with flowai.Receiver(verifier=None) as receiver:
        event = b'{"type": "message.reply", "threadId": "t"}'
        body = b"[" + b",".join([event] * 1024) + b"]"
        assert raw_call(receiver.url, body) == 200
        assert raw_call(receiver.url, event) == 503
        record = handler.wait("webhook calls are not acknowledged: the queue is full")
        assert (record.name, record.levelname) == ("flowai.receiver", "WARNING")


def test_a_handler_may_make_calls(client: flowai.Client, sandbox: flowai.Sandbox) -> None:
    class Sends(logging.Handler):
        count = 0

        def emit(self, record: logging.LogRecord) -> None:
            Sends.count += 1
            client.send_text("operators", record.getMessage()[:200])

    logging.getLogger("flowai").addHandler(Sends())
    logging.getLogger("flowai").setLevel(logging.DEBUG)
    for _ in range(3):
        client.send_text("t", "Hello")
    assert Sends.count >= 3
    # One for each of ours, and none for those of the handler.
    count = Sends.count
    assert len(sandbox.requests) == 3 + count
    time.sleep(0.5)
    assert Sends.count == count


def test_a_handler_that_fails_changes_no_result(
    client: flowai.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    class Fails(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise ValueError("the disk of the log is full")

    logging.getLogger("flowai").addHandler(Fails())
    logging.getLogger("flowai").setLevel(logging.DEBUG)
    assert client.send_text("t", "Hello").status == "ok"
    assert "the disk of the log is full" in capsys.readouterr().err


def test_an_interrupt_in_a_handler_is_raised(client: flowai.Client) -> None:
    class Interrupted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise KeyboardInterrupt

    handler = Interrupted()
    logging.getLogger("flowai").addHandler(handler)
    logging.getLogger("flowai").setLevel(logging.DEBUG)
    with pytest.raises(KeyboardInterrupt):
        client.send_text("t", "Hello")
    logging.getLogger("flowai").removeHandler(handler)
    assert client.send_text("t", "Hello").status == "ok"


def test_names_that_the_program_gave_to_records_stay(client: flowai.Client) -> None:
    factory = logging.getLogRecordFactory()

    def named(*args: object, **kwargs: object) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        record.trace_id = "of the program"
        return record

    handler = kept()
    logging.setLogRecordFactory(named)
    try:
        client.send_text("t", "Hello")
    finally:
        logging.setLogRecordFactory(factory)
    assert answers(handler)[0].trace_id == "of the program"  # type: ignore[attr-defined]


def test_records_from_many_threads_are_those_of_their_calls(client: flowai.Client) -> None:
    handler = kept()

    def work() -> None:
        for _ in range(25):
            client.send_text("t", "Hello")

    threads = [threading.Thread(target=work, name=f"worker-{n}") for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [record.threadName for record in answers(handler)]
    assert {name: names.count(name) for name in set(names)} == {f"worker-{n}": 25 for n in range(8)}


def forked(url: str, key: str) -> list[int]:
    """How many records the child had, and then the parent."""
    handler = kept()
    client = flowai.Client(key, base_url=url)
    with flowai.Receiver(verifier=None):
        client.send_text("t", "Hello")
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            handler.records.clear()
            client.send_text("t", "Hello")
            os.write(write, bytes([len(answers(handler))]))
            os._exit(0)
        wait_for_forked([pid], 20)
        counts = [os.read(read, 1)[0]]
        client.send_text("t", "Hello")
    return [*counts, len(answers(handler))]


def test_a_forked_child_has_a_log_of_its_own(sandbox: flowai.Sandbox) -> None:
    assert call(forked, sandbox.base_url, sandbox.api_key, limit=60) == [1, 2]


def test_nothing_is_imported_for_it() -> None:
    script = (
        "import sys, flowai\n"
        "with flowai.Sandbox() as sandbox: sandbox.client().send_text('t', 'Hello')\n"
        "assert 'logging' not in sys.modules and 'threading' not in sys.modules\n"
    )
    finished = finish(start_script(script), limit=60)
    assert (finished.code, finished.errors) == (0, "")


def test_nothing_is_written_where_nobody_listens() -> None:
    script = (
        "import logging, flowai\n"
        "with flowai.Sandbox() as sandbox:\n"
        "    sandbox.fail_next(status=429, retry_after=0)\n"
        "    sandbox.client().send_text('t', 'Hello')\n"
    )
    finished = finish(start_script(script), limit=60)
    assert (finished.code, finished.output, finished.errors) == (0, "", "")


LISTENING = """\
import sys, flowai
with flowai.Sandbox() as sandbox:
    sandbox.fail_next(status=429, retry_after=0)
    sandbox.client().send_text("t", "Hello")
"""


@pytest.mark.parametrize(
    ("wanted", "warnings", "details"),
    [
        ("debug", True, True),
        ("INFO", True, False),
        ("warn", True, False),
        ("off", False, False),
        ("error,flowai.client=debug", True, True),
        ("flowai=warning,hyper=trace", True, False),
        ("nonsense", False, False),
        ("hyper=debug", False, False),
    ],
)
def test_flowai_log_writes_to_standard_error(wanted: str, warnings: bool, details: bool) -> None:
    finished = finish(start_script(LISTENING, env={"FLOWAI_LOG": wanted}), limit=60)
    assert (finished.code, finished.output) == (0, "")
    assert ("WARNING flowai.client] send_text: failed in" in finished.errors) == warnings
    assert ("DEBUG flowai.client] send_text: answered 200" in finished.errors) == details


def test_a_program_with_a_log_of_its_own_gets_each_record_once() -> None:
    script = 'import logging\nlogging.basicConfig(format="mine %(message)s")\n' + LISTENING
    finished = finish(start_script(script, env={"FLOWAI_LOG": "debug"}), limit=60)
    lines = [line for line in finished.errors.splitlines() if "answered 200" in line]
    assert len(lines) == 1
    assert lines[0].startswith("mine send_text: ")


def test_what_waits_at_the_end_is_delivered() -> None:
    script = (
        "import logging, flowai\n"
        "logging.basicConfig(level=logging.DEBUG)\n"
        "import http.client\n"
        "receiver = flowai.Receiver(verifier=None)\n"
        "connection = http.client.HTTPConnection(f'127.0.0.1:{receiver.port}')\n"
        "connection.request('POST', '/', b'no JSON')\n"
        "assert connection.getresponse().status == 400\n"
    )
    finished = finish(start_script(script), limit=60)
    assert finished.code == 0, finished.errors
    assert "refused with 400" in finished.errors


def test_daemon_threads_that_log_do_not_crash_the_end() -> None:
    script = (
        "import logging, sys, threading, time, flowai\n"
        "class Slow(logging.Handler):\n"
        "    def emit(self, record): time.sleep(0.003)\n"
        "logging.getLogger('flowai').addHandler(Slow())\n"
        "logging.getLogger('flowai').setLevel(logging.DEBUG)\n"
        "client = flowai.Client(sys.argv[1], base_url=sys.argv[2])\n"
        "def work():\n"
        "    while True: client.send_text('t', 'Hello')\n"
        "for _ in range(4): threading.Thread(target=work, daemon=True).start()\n"
        "time.sleep(0.2)\n"
    )
    with flowai.Sandbox() as sandbox:
        running = [start_script(script, sandbox.api_key, sandbox.base_url) for _ in range(6)]
        ended = [finish(process, limit=60) for process in running]
    for finished in ended:
        assert (finished.code, finished.errors) == (0, "")


def test_too_many_records_are_counted_and_not_kept() -> None:
    handler = kept()
    with flowai.Receiver(verifier=None) as receiver:
        event = b'{"type": "message.reply", "threadId": "t"}'
        assert raw_call(receiver.url, event) == 200
        handler.wait("answered 200")

        class Blocks(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                go_on.wait(60)

        go_on = threading.Event()
        logging.getLogger("flowai").addHandler(Blocks())
        handler.records.clear()
        import http.client

        connection = http.client.HTTPConnection(f"127.0.0.1:{receiver.port}", timeout=20)
        for _ in range(4600):
            connection.request("GET", "/")
            connection.getresponse().read()
        connection.close()
        go_on.set()
        told = handler.wait("log records were left out")
        assert told.levelname == "WARNING"
        assert len(handler.records) < 4600


def seconds_for(client: flowai.Client, calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        client.send_text("t", "Hello")
    return time.perf_counter() - begun


def test_a_log_that_nobody_wants_costs_next_to_nothing(client: flowai.Client) -> None:
    # What is asked at each call, as often as it is asked, beside the call itself.
    logger = logging.getLogger("flowai.client")
    begun = time.perf_counter()
    for _ in range(100_000):
        logger.isEnabledFor(logging.DEBUG)
    asked = (time.perf_counter() - begun) / 100_000
    call = statistics.median(seconds_for(client, 50) / 50 for _ in range(5))
    print(f"a call takes {call * 1e6:.0f} us, what the log asks {asked * 1e6:.2f} us", file=sys.stderr)
    assert asked < call / 10
