"""The outbox: what is put in is sent sooner or later, in order, and told about."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import pickle
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import flowai
from conftest import reply
from vectors import server

LIMIT = 30.0
SENDS = ("send_text", "send_event", "send_location", "send_media", "upload_media", "send")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path, client):
    with flowai.Outbox.open(path, client, retry_min=0.01, retry_max=0.05) as outbox:
        yield outbox


def fault(behaviour, run, **options):
    return flowai.Client(**server().fault(behaviour, run), **options)


def report_of(outbox, receipt):
    report = outbox.next_report(timeout=LIMIT)
    assert report is not None
    assert (report.id, report.thread_id, report.trace_id) == tuple(
        getattr(receipt, name) for name in ("id", "thread_id", "trace_id")
    )
    return report


def test_a_message_is_sent_and_told_about(outbox, sandbox, path):
    receipt = outbox.send_text("t", "Hello", originator="John", lang="en", expires_in=60)
    report = report_of(outbox, receipt)
    assert (report.outcome, report.error, report.attempts, report.ambiguous_attempts) == ("sent", None, 1, 0)
    assert report.message.text == "Hello"
    assert report.message.originator.name == "John"
    assert report.enqueued_at_ms <= report.attempted_at_ms <= report.settled_at_ms
    assert json.loads(sandbox.requests[-1].body)["payload"]["traceId"] == receipt.trace_id
    assert outbox.next_report(timeout=0) is None
    assert outbox.acknowledge(report.number) is True
    assert outbox.acknowledge(report.number) is False
    assert outbox.path == path
    assert repr(outbox) == f'<flowai.Outbox path="{path}">'


def test_the_methods_are_those_of_the_client():
    for name in SENDS:
        client, outbox = (
            inspect.signature(getattr(kind, name)).parameters for kind in (flowai.Client, flowai.Outbox)
        )
        sent_now, sent_later = {"timeout", "write_concern", "progress"}, {"expires_in", "keep"}
        wanted = [str(parameter) for word, parameter in client.items() if word not in sent_now]
        assert [str(parameter) for word, parameter in outbox.items() if word not in sent_later] == wanted


def test_what_is_sent_is_what_the_client_sends(outbox, client, sandbox, tmp_path):
    along = {
        "originator": "John",
        "trace_id": 7,
        "lang": "nl",
        "timezone": 1,
        "params": {"a": [{"value": "b"}]},
    }
    (tmp_path / "a.png").write_bytes(b"png")
    calls = [
        ("send_text", ("t", "Hello"), {}),
        ("send_event", ("t", "E"), {}),
        ("send_location", ("t", 52.37, "4.89"), {"title": "Amsterdam"}),
        ("send_media", ("t", "https://example.com/a.png"), {"media_type": "image", "mime_type": "image/png"}),
        ("send", ("t", flowai.TextMessage("Hello")), {}),
        ("send", ("t", {"type": "event", "eventName": "E"}), {}),
        ("upload_media", ("t", b"bytes"), {"filename": "b.bin", "media_type": "file", "title": "B"}),
        ("upload_media", ("t", tmp_path / "a.png"), {"url": "https://example.com/a.png", "idle_timeout": 5}),
        ("upload_media", ("t", str(tmp_path / "a.png")), {"mime_type": "image/gif"}),
    ]
    for name, given, options in calls:
        getattr(client, name)(*given, **options, **along)
        outbox_options = {"keep": "reference"} if name == "upload_media" else {}
        receipt = getattr(outbox, name)(*given, **options, **along, **outbox_options)
        assert report_of(outbox, receipt).outcome == "sent"
        now, later = sandbox.requests[-2:]
        assert (later.method, later.path, shape(later)) == (now.method, now.path, shape(now))


def shape(request):
    """What a request says, without the boundary of its parts."""
    if request.file is None:
        return json.loads(request.body)
    file = request.file
    content_type = request.headers["content-type"]
    body = request.body.replace(content_type.split("boundary=")[1].encode(), b"boundary")
    return file.name, file.content_type, file.sha256, body


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda outbox: outbox.send_text("", "x"), "thread_id"),
        (lambda outbox: outbox.send_text("t", ""), "text"),
        (lambda outbox: outbox.send_text("t", "x", expires_in=0), "expires_in"),
        (lambda outbox: outbox.send_media("t", "https://x.y/z", media_type="smell"), "media_type"),
        (lambda outbox: outbox.upload_media("t", b"", keep="both"), "keep"),
        (lambda outbox: outbox.upload_media("t", "/no/such/file.png"), "file"),
        (lambda outbox: outbox.upload_media("t", open(__file__, "rb")), "file"),  # noqa: SIM115
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_what_is_refused_is_not_kept(outbox, sandbox, call, argument):
    with pytest.raises(flowai.InvalidArgumentError) as caught:
        call(outbox)
    assert caught.value.argument == argument
    assert caught.value.delivery == "not_sent"
    assert (outbox.stats().waiting, sandbox.requests) == (0, [])


def test_wrong_types(outbox):
    for wrong in (
        lambda: outbox.send_text(1, "x"),
        lambda: outbox.send("t", "x"),
        lambda: outbox.confirm({}),
        lambda: flowai.Outbox.open("x.db", "client"),
        lambda: flowai.Outbox(),
        lambda: outbox.flush("1"),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_options(tmp_path, client):
    for name in ("max_age", "retry_min", "retry_max", "close_time", "lock_time", "max_messages", "keep_sent"):
        with pytest.raises(flowai.InvalidArgumentError) as caught:
            flowai.Outbox.open(tmp_path / "a.db", client, **{name: -1})
        assert caught.value.argument == name
    for wrong in ({"concurrency": 0}, {"max_messages": 0}, {"max_bytes": 0}, {"on_ambiguous": "hope"}):
        with pytest.raises(flowai.InvalidArgumentError, match=next(iter(wrong))):
            flowai.Outbox.open(tmp_path / "a.db", client, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_message_that_is_refused_fails(outbox, sandbox):
    sandbox.fail_next(status=400, times=1)
    report = report_of(outbox, outbox.send_text("t", "Hello"))
    assert (report.outcome, report.status, report.error_kind) == ("failed", 400, "bad_request")
    assert report.error


@pytest.mark.parametrize("policy", ["surface", "repeat"])
def test_a_message_that_may_have_been_taken(path, policy):
    run = f"outbox{policy}"
    with (
        fault("status-500.times-2", run) as client,
        flowai.Outbox.open(path, client, on_ambiguous=policy, retry_min=0.01, retry_max=0.02) as outbox,
    ):
        report = report_of(outbox, outbox.send_text("t", "Hello"))
    counts = server().counts(run)
    if policy == "surface":
        assert (report.outcome, report.ambiguous_attempts, report.error_kind) == ("maybe_sent", 1, "server")
        assert counts["requests_read"] == 1
    else:
        assert (report.outcome, report.ambiguous_attempts) == ("sent", 2)
        assert (counts["requests_read"], counts["distinct"]) == (3, 1)


def delivered(receipt):
    return flowai.parse_event(
        json.dumps(
            {"type": "message.delivered", "threadId": "t", "traceId": receipt.trace_id, "speech": "Hello"}
        )
    )


def test_a_delivery_event_settles_what_was_unknown(path):
    with (
        fault("status-500.times-1", "outboxconfirm") as client,
        flowai.Outbox.open(path, client) as outbox,
    ):
        receipt = outbox.send_text("t", "Hello")
        reports = outbox.reports(timeout=LIMIT)
        assert next(reports).outcome == "maybe_sent"
        assert outbox.stats().ambiguous == 1
        assert outbox.confirm(flowai.parse_event(b'{"type": "message.reply", "threadId": "t"}')) is False
        assert outbox.confirm(delivered(receipt)) is True
        confirmed = next(reports)
        assert (confirmed.id, confirmed.outcome) == (receipt.id, "sent")
        assert confirmed.confirmed_at_ms is not None


def test_reports_that_nobody_acknowledged_come_again(path, client):
    with flowai.Outbox.open(path, client) as outbox:
        receipts = [outbox.send_text("t", f"{number}").id for number in range(4)]
        assert outbox.flush(timeout=LIMIT) == 0
        reports = outbox.reports(timeout=LIMIT)
        # The third is in hand, the first two are done.
        assert [next(reports).id for _ in range(3)] == receipts[:3]
        assert outbox.stats().reports == 2
    assert list(reports) == []
    with flowai.Outbox.open(path, client) as outbox:
        assert [report.id for report in outbox.reports(timeout=0)] == receipts[2:]
        assert outbox.stats().reports == 0


def test_an_iterator_is_for_one_thread(outbox):
    reports, seen, begun = outbox.reports(timeout=LIMIT), [], threading.Event()
    reader = threading.Thread(target=lambda: (begun.set(), seen.append(next(reports))))
    reader.start()
    assert begun.wait(LIMIT)
    time.sleep(0.3)
    with pytest.raises(ValueError, match="already running"):
        next(reports)
    outbox.send_text("t", "Hello")
    reader.join(LIMIT)
    assert seen[0].outcome == "sent"


class Listener:
    """A service that comes to life later."""

    def __init__(self):
        self.bodies: list[dict] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = free.getsockname()
        self.base_url = f"http://127.0.0.1:{self.address[1]}/rest/v1/"

    @contextlib.contextmanager
    def listening(self):
        answer, bodies = reply(), self.bodies

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                bodies.append({"thread": self.path.rsplit("/", 1)[1], **json.loads(body)["payload"]})
                answer(self, body)

            def log_message(self, *args):
                pass

        with ThreadingHTTPServer(self.address, Handler) as listener:
            listener.daemon_threads = True
            thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
            thread.start()
            yield
            listener.shutdown()
            thread.join()


def test_messages_wait_for_the_network_and_keep_their_order(path):
    service = Listener()
    numbers, threads = range(10), [f"t{number}" for number in range(4)]
    with flowai.Client("k", base_url=service.base_url) as client:
        with flowai.Outbox.open(path, client, retry_min=0.01, retry_max=0.05) as outbox:
            for number in numbers:
                for thread in threads:
                    outbox.send_text(thread, f"{number}")
            assert outbox.flush(timeout=0.3) == 40
            stats = outbox.stats()
            assert (stats.waiting, stats.error_kind, stats.ambiguous) == (40, "connection", 0)
            assert stats.oldest > 0
            entries = outbox.list(thread_id="t1")
            assert [entry.message.text for entry in entries] == [f"{number}" for number in numbers]
            assert {entry.state for entry in entries} <= {"queued", "sending"}
            assert outbox.show(entries[5].id).message == entries[5].message
            assert len(outbox.list(limit=7)) == 7
            assert outbox.list(after=outbox.list()[-1].position) == []
            assert outbox.discard(entries[5].id) is True
            assert outbox.discard(entries[5].id) is False
            assert outbox.show(entries[5].id) is None
        # It is all there when it is opened again.
        with service.listening(), flowai.Outbox.open(path, client, retry_min=0.01) as outbox:
            assert outbox.flush(timeout=LIMIT) == 0
            assert {report.outcome for report in outbox.reports(timeout=0)} == {"sent"}
    for thread in threads:
        texts = [int(body["speech"]) for body in service.bodies if body["thread"] == thread]
        assert texts == [number for number in numbers if (thread, number) != ("t1", 5)]


def test_what_is_not_sent_in_time_expires(path):
    with flowai.Client("k", base_url=Listener().base_url) as client:
        with flowai.Outbox.open(path, client, retry_min=0.01, retry_max=0.05) as outbox:
            report = report_of(outbox, outbox.send_text("t", "Hello", expires_in=0.2))
            assert (report.outcome, report.error_kind) == ("failed", "expired")
        with flowai.Outbox.open(path, client, retry_min=0.01, retry_max=0.05, max_age=0.2) as outbox:
            report = next(outbox.reports(timeout=LIMIT))
            report = report_of(outbox, outbox.send_text("t", "Hello"))
            assert (report.outcome, report.error_kind) == ("failed", "expired")


def test_a_full_outbox_says_so(path):
    nowhere = flowai.Client("k", base_url=Listener().base_url)
    with nowhere as client, flowai.Outbox.open(path, client, max_messages=2) as outbox:
        for _ in range(2):
            outbox.send_text("t", "Hello")
        with pytest.raises(flowai.QueueFullError, match="full"):
            outbox.send_text("t", "Hello")


def test_files_are_kept_as_was_said(path, tmp_path):
    kept, referred, gone = (tmp_path / name for name in ("kept.txt", "referred.txt", "gone.txt"))
    for file in (kept, referred, gone):
        file.write_text("as it was")
    with (
        flowai.Client("k", base_url=Listener().base_url) as client,
        flowai.Outbox.open(path, client) as outbox,
    ):
        outbox.upload_media("a", kept)
        outbox.upload_media("b", referred, keep="reference")
        outbox.upload_media("c", gone, keep="reference")
        assert [entry.filename for entry in outbox.list()] == ["kept.txt", "referred.txt", "gone.txt"]
        assert len(os.listdir(f"{path}.files")) == 1
    kept.unlink()
    referred.write_text("and as it is now")
    gone.unlink()
    with (
        flowai.Sandbox() as sandbox,
        sandbox.client() as client,
        flowai.Outbox.open(path, client) as outbox,
    ):
        assert outbox.flush(timeout=LIMIT) == 0
        outcomes = {report.thread_id: report for report in outbox.reports(timeout=0)}
    assert [outcomes[thread].outcome for thread in "abc"] == ["sent", "failed", "failed"]
    assert "changed" in outcomes["b"].error
    assert "gone.txt" in outcomes["c"].error
    assert [request.file.length for request in sandbox.requests] == [9]
    assert os.listdir(f"{path}.files") == []


def test_closing(path, client):
    outbox = flowai.Outbox.open(path, client)
    waiting = []
    reader = threading.Thread(target=lambda: waiting.extend(outbox.reports()))
    reader.start()
    outbox.close()
    outbox.close()
    reader.join(LIMIT)
    assert not reader.is_alive()
    for use in (
        outbox.next_report,
        outbox.flush,
        outbox.stats,
        outbox.list,
        lambda: outbox.send_text("t", "Hello"),
        lambda: outbox.upload_media("t", b"x", filename="x.png"),
    ):
        with pytest.raises(flowai.ClosedError):
            use()


def test_an_outbox_that_is_thrown_away_is_closed(path, client):
    for _ in range(5):
        outbox = flowai.Outbox.open(path, client)
        outbox.send_text("t", "Hello")
        del outbox
    with flowai.Outbox.open(path, client) as outbox:
        assert outbox.flush(timeout=LIMIT) == 0


def test_storage_that_fails(tmp_path, client):
    for wrong in (tmp_path / "missing" / "a.db", tmp_path):
        with pytest.raises(flowai.StorageError) as caught:
            flowai.Outbox.open(wrong, client)
        assert isinstance(caught.value, OSError)
    with pytest.raises(flowai.StorageError):
        flowai.Outbox.attach(tmp_path / "none.db", client)


def test_facts_are_values(outbox, sandbox):
    sandbox.fail_next(status=429, retry_after=3600)
    receipt = outbox.send_text("t", "Hello", params={"a": [1]})
    outbox.send_event("u", "E", trace_id=2**53 - 1)
    values = [receipt, *outbox.list(), outbox.stats(), outbox.next_report(timeout=LIMIT)]
    for value in values:
        again = pickle.loads(pickle.dumps(value))
        assert again == value
        assert hash(again) == hash(value)
        assert repr(again) == repr(value)
        assert value != 1
    match receipt:
        case flowai.OutboxReceipt(id=number, thread_id="t"):
            assert 0 < number < 2**53
