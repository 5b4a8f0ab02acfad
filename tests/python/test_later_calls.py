"""The calls of later versions of the API, against the sandbox: what they give and what they refuse."""

from __future__ import annotations

import copy
import json
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import flowai
from conftest import reply

SEED = {
    "segments": [{"id": "seg_1", "name": "Customers", "members": [{"name": "Jane", "identifier": "jane"}]}],
    "triggerEvents": ["ORDER_SHIPPED"],
    "rules": [
        {
            "pattern": "order (\\d+)",
            "replies": [
                {
                    "type": "text",
                    "payload": {
                        "text": "Order $1 arrives tomorrow.",
                        "quickReplies": [{"label": "Thanks", "type": "text"}],
                    },
                }
            ],
        }
    ],
}
JOHN = flowai.Recipient("John Doe", phone_number="+31612345678")
WHATSAPP = flowai.Channel("whatsapp", "+31201234567")


@pytest.fixture
def sandbox() -> Iterator[flowai.Sandbox]:
    with flowai.Sandbox(seed=SEED) as sandbox:
        yield sandbox


def sent(sandbox: flowai.Sandbox) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(sandbox.requests[-1].body)
    return document


def target(sandbox: flowai.Sandbox) -> str:
    request = sandbox.requests[-1]
    return request.path + (f"?{request.query}" if request.query else "")


@pytest.mark.parametrize("at_once", [True, False])
def test_ask(at_once: bool) -> None:
    with flowai.Sandbox(seed=SEED, sync_replies=at_once) as sandbox, sandbox.client() as client:
        for message in ("Where is order 99812?", flowai.TextMessage("Where is order 99812?")):
            answer = client.ask("thread-1", message, originator="John", lang="en", timeout=20)
            assert answer.text == "Order 99812 arrives tomorrow."
            assert [part.text for part in answer.templates] == [answer.text]
            assert [r.label for r in answer.quick_replies] == ["Thanks"]
            assert answer.thread_id == "thread-1"
            assert isinstance(answer.trace_id, int)
            assert answer.event.messages == answer.messages
        posts = [json.loads(r.body)["payload"] for r in sandbox.requests if r.method == "POST"]
        assert [(p["originator"]["name"], p["lang"]) for p in posts] == [("John", "en")] * 2
        assert answer.to_dict()["messages"] == [message.to_dict() for message in answer.messages]
        assert json.loads(answer.raw) == answer.to_dict()
        match answer:
            case flowai.Reply(text, messages=[flowai.ReplyMessage(responses=[flowai.TextTemplate()])]):
                assert text == answer.text
            case _:
                pytest.fail("did not match")
        other = client.ask("thread-1", {"type": "event", "eventName": "MY_EVENT"}, timeout=20)
        assert other != answer
        for again in (copy.copy(answer), copy.deepcopy(answer), pickle.loads(pickle.dumps(answer))):
            assert (again, hash(again), again.trace_id) == (answer, hash(answer), answer.trace_id)
        assert repr(answer).startswith("Reply(text='Order 99812 arrives tomorrow.', thread_id='thread-1'")
        with pytest.raises(AttributeError):
            answer.text = "other"  # type: ignore[misc]


def test_a_reply_that_does_not_come() -> None:
    with (
        flowai.Sandbox(bot="none", sync_replies=False) as sandbox,
        sandbox.client() as client,
        pytest.raises(flowai.APITimeoutError) as caught,
    ):
        client.ask("thread-1", "Hello?", timeout=0.7)
    assert (caught.value.delivery, caught.value.operation) == ("sent", "ask")
    assert caught.value.retryable is False
    assert [request.method for request in sandbox.requests].count("POST") == 1
    assert pickle.loads(pickle.dumps(caught.value)).delivery == "sent"


def test_threads(sandbox: flowai.Sandbox, client: flowai.Client) -> None:
    names = [f"thread-{number}" for number in range(25)]
    for name in names:
        client.send_text(name, "x")
    page = client.threads()
    assert (list(page.threads), page.page, page.pages) == (names[:20], 1, 2)
    assert client.threads(page=2).threads == tuple(names[20:])
    assert list(client.iter_threads()) == names
    before = len(sandbox.requests)
    threads = client.iter_threads(limit=20, timeout=5)
    assert iter(threads) is threads
    assert len(list(threads)) == 20
    assert len(sandbox.requests) == before + 1
    sandbox.fail_next(status=404)
    with pytest.raises(flowai.NotFoundError):
        next(again := client.iter_threads())
    assert next(again) == names[0]
    for other in (copy.deepcopy(page), pickle.loads(pickle.dumps(page)), page.from_dict(page.to_dict())):
        assert (other, hash(other)) == (page, hash(page))
    assert repr(page).startswith("ThreadsPage(threads=('thread-0',")
    made = client.create_thread()
    assert made
    assert client.send_text(made, "Hello").thread_id == made


def test_who_leads(sandbox: flowai.Sandbox, client: flowai.Client) -> None:
    client.send_text("t", "x")
    assert sandbox.thread_state("t") == "open"
    client.handover("t", seconds_to_pause=600)
    assert (target(sandbox), sent(sandbox)) == ("/rest/v1/handover/t", {"secondsToPause": 600})
    assert sandbox.thread_state("t") == "handover"
    assert client.bot_status("t").is_paused is True
    client.resolve("t", write_concern=True)
    assert target(sandbox) == "/rest/v1/resolve/t?writeConcern=true"
    assert sandbox.thread_state("t") == "resolved"
    with pytest.warns(DeprecationWarning, match="handover") as warned:
        client.takeover("t")
    assert warned[0].filename == __file__


def test_triggers_and_broadcasts(sandbox: flowai.Sandbox, client: flowai.Client) -> None:
    assert client.trigger_events() == ["ORDER_SHIPPED"]
    client.trigger_event("t", "ORDER_SHIPPED", timeout=5)
    assert target(sandbox) == "/rest/v1/trigger/event/t?eventName=ORDER_SHIPPED"
    for message in ("Hello", flowai.TextMessage("Hello"), {"type": "text", "speech": "Hello"}):
        client.broadcast(iter([JOHN, {"name": "Jane", "identifier": "jane"}]), WHATSAPP, message)
        assert sent(sandbox) == {
            "audience": [
                {"name": "John Doe", "phoneNumber": "+31612345678"},
                {"name": "Jane", "identifier": "jane"},
            ],
            "channel": {"channelName": "whatsapp", "externalId": "+31201234567"},
            "payload": {"type": "text", "speech": "Hello"},
        }
    (segment,) = client.segments()
    assert (type(segment), segment.id, segment.name) == (flowai.Segment, "seg_1", "Customers")
    one_of_each = ["Customers", flowai.Segment(id="seg_1"), {"name": "Customers"}]
    client.broadcast_to_segments(one_of_each, flowai.EventMessage("ORDER_SHIPPED"))
    assert sent(sandbox)["audience"] == [{"name": "Customers"}, {"id": "seg_1"}, {"name": "Customers"}]


def test_write_concern(sandbox: flowai.Sandbox, client: flowai.Client) -> None:
    calls: list[Callable[[bool], object]] = [
        lambda wait: client.send_text("t", "x", write_concern=wait),
        lambda wait: client.send_event("t", "E", write_concern=wait),
        lambda wait: client.send_location("t", 1, 2, write_concern=wait),
        lambda wait: client.send_media("t", "https://x/y", media_type="image", write_concern=wait),
        lambda wait: client.send("t", flowai.TextMessage("x"), write_concern=wait),
        lambda wait: client.upload_media("t", b"x", write_concern=wait),
    ]
    for call in calls:
        call(True)
        assert target(sandbox) == "/rest/v1/messages/t?writeConcern=true"
        call(False)
        assert target(sandbox) == "/rest/v1/messages/t"


def test_a_history_is_read_one_page_ahead(sandbox: flowai.Sandbox, client: flowai.Client) -> None:
    for number in range(25):
        client.send_text("t", str(number))
    before = len(sandbox.requests)
    entries = client.iter_history("t")
    first = next(entries)
    # Nothing more is asked of the iterator until the next page was asked of the service.
    end = time.monotonic() + 30
    while len(sandbox.requests) < before + 2:
        assert time.monotonic() < end
        time.sleep(0.005)
    rest = list(entries)
    pages = [request.query for request in sandbox.requests[before:]]
    assert pages == ["sync=true", "sync=true&page=2", "sync=true&page=3"]
    assert [first, *rest] == list(client.iter_history("t"))


def test_events_of_a_history(sandbox: flowai.Sandbox, client: flowai.Client) -> None:
    client.send_event("t", "MY_EVENT")
    parts = [
        part for entry in client.history("t", events=True).entries for part in entry.messages[0].responses
    ]
    assert parts[0].kind == "event"
    assert isinstance(parts[0], flowai.EventTemplate)
    assert (parts[0].name, parts[0].url) == ("MY_EVENT", None)
    assert len(client.history("t").entries) == len(parts) - 1
    assert len(list(client.iter_history("t", events=True))) == len(parts)
    client.request_history("t", page=1, events=True)
    assert target(sandbox) == "/rest/v1/messages/t?page=1&events=true"


def test_any_request(sandbox: flowai.Sandbox, client: flowai.Client) -> None:
    client.send_text("t", "x")
    query = {"sync": True, "page": 1, "half": 0.5, "text": "a b&c", "no": False, "nothing": None}
    answer = client.request("GET", "/threads", query=query, timeout=5)
    assert target(sandbox) == "/rest/v1/threads?sync=true&page=1&half=0.5&text=a%20b%26c&no=false"
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["result"]["threads"] == ["t"]
    assert json.loads(answer.body) == answer.json()
    client.request("POST", "handover/t", json={"secondsToPause": 5})
    assert sent(sandbox) == {"secondsToPause": 5}
    match answer:
        case flowai.Response(200, headers, body):
            assert (headers, body) == (answer.headers, answer.body)
        case _:
            pytest.fail("did not match")
    for again in (copy.copy(answer), copy.deepcopy(answer), pickle.loads(pickle.dumps(answer))):
        assert (again, hash(again), again.json()) == (answer, hash(answer), answer.json())
    assert repr(answer) == f"Response(status=200, length={len(answer.body)})"
    with pytest.raises(flowai.NotFoundError) as caught:
        client.request("GET", "no/such/thing")
    assert (caught.value.operation, caught.value.delivery) == ("request", None)
    with pytest.raises(flowai.NotFoundError) as caught:
        client.request("POST", "no/such/thing")
    assert caught.value.delivery == "rejected"


def test_an_answer_that_is_no_json(serve: Callable[..., Any]) -> None:
    server = serve(reply(200, b"<html>", {"X-Thing": "a"}))
    with server.client() as client:
        answer = client.request("GET", "page")
    assert (answer.body, answer.headers["x-thing"]) == (b"<html>", "a")
    with pytest.raises(flowai.APIResponseError):
        answer.json()


def test_other_options(sandbox: flowai.Sandbox, client: flowai.Client) -> None:
    shop = client.with_options(originator=flowai.Originator("Shop"), timeout=7, max_retries=0)
    assert type(shop) is flowai.Client
    shop.send_text("t", "x")
    assert sent(sandbox)["payload"]["originator"]["name"] == "Shop"
    client.with_options().send_text("t", "x")
    assert sent(sandbox)["payload"]["originator"]["name"] == "Anonymous"
    sandbox.fail_next(status=503, times=1)
    with pytest.raises(flowai.ServerError):
        shop.bot_status("t")
    sandbox.fail_next(status=503, times=1)
    assert client.bot_status("t").is_paused is False
    client.close()
    with pytest.raises(flowai.ClosedError):
        shop.bot_status("t")


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.ask("t", 3),
        lambda client: client.ask("t", flowai.Profile()),
        lambda client: client.ask("t", "x", "John"),
        lambda client: client.threads(1),
        lambda client: client.threads(page="1"),
        lambda client: client.iter_threads(limit=True),
        lambda client: client.handover("t", seconds_to_pause=1.5),
        lambda client: client.handover("t", 600),
        lambda client: client.resolve("t", write_concern="yes"),
        lambda client: client.send_text("t", "x", write_concern=1),
        lambda client: client.history("t", events="true"),
        lambda client: client.trigger_event("t", None),
        lambda client: client.broadcast(JOHN, WHATSAPP, "x"),
        lambda client: client.broadcast({"name": "J", "identifier": "j"}, WHATSAPP, "x"),
        lambda client: client.broadcast("John", WHATSAPP, "x"),
        lambda client: client.broadcast(["John"], WHATSAPP, "x"),
        lambda client: client.broadcast([JOHN], "whatsapp", "x"),
        lambda client: client.broadcast([JOHN], WHATSAPP, None),
        lambda client: client.broadcast_to_segments("Customers", "x"),
        lambda client: client.broadcast_to_segments([3], "x"),
        lambda client: client.request("GET", "threads", {"sync": True}),
        lambda client: client.request("GET", "threads", query=[("sync", "true")]),
        lambda client: client.request("GET", "threads", query={"sync": [1]}),
        lambda client: client.request("GET", "threads", query={1: "x"}),
        lambda client: client.request("POST", "threads", json={1}),
        lambda client: client.with_options(30),
        lambda client: client.with_options(originator=3),
        lambda client: client.with_options(max_retries="2"),
        lambda _: flowai.Sandbox(seed=3),
    ],
)
def test_a_wrong_type_is_a_type_error(
    sandbox: flowai.Sandbox, client: flowai.Client, call: Callable[[flowai.Client], object]
) -> None:
    with pytest.raises(TypeError):
        call(client)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("call", "argument", "delivery"),
    [
        (lambda client: client.ask("t", ""), "text", "not_sent"),
        (lambda client: client.ask("t", "x", timeout=0), "timeout", "not_sent"),
        (lambda client: client.handover("t", seconds_to_pause=0), "seconds_to_pause", "not_sent"),
        (lambda client: client.handover("t", seconds_to_pause=-1), "seconds_to_pause", "not_sent"),
        (lambda client: client.trigger_event("t", ""), "event_name", "not_sent"),
        (lambda client: client.broadcast([], WHATSAPP, "x"), "audience", "not_sent"),
        (lambda client: client.broadcast([JOHN, {"name": "x"}], WHATSAPP, "x"), "audience[1]", "not_sent"),
        (lambda client: client.broadcast([{"name": "\ud800"}], WHATSAPP, "x"), "audience[0]", "not_sent"),
        (
            lambda client: client.broadcast([flowai.Recipient("x", phone_number="0612")], WHATSAPP, "x"),
            "audience[0].phoneNumber",
            "not_sent",
        ),
        (
            lambda client: client.broadcast([JOHN], flowai.Channel("WhatsApp", "1"), "x"),
            "channel.channelName",
            "not_sent",
        ),
        (
            lambda client: client.broadcast([JOHN], WHATSAPP, flowai.LocationMessage(1, 2)),
            "message.type",
            "not_sent",
        ),
        (lambda client: client.broadcast_to_segments([flowai.Segment()], "x"), "segments[0]", "not_sent"),
        (lambda client: client.broadcast_to_segments([""], "x"), "segments[0]", "not_sent"),
        (lambda client: client.resolve(".."), "thread_id", None),
        (lambda client: client.iter_threads(timeout=-1), "timeout", None),
        (lambda client: client.request("get", "threads"), "method", None),
        (lambda client: client.request("GET", "../threads"), "path", None),
        (lambda client: client.request("POST", "//evil.example"), "path", "not_sent"),
        (lambda client: client.request("POST", "x", timeout=0), "timeout", "not_sent"),
        (lambda client: client.request("PUT", "x", timeout=0), "timeout", None),
        (lambda client: client.request("GET", "x", query={"a": float("nan")}), "query", None),
        (lambda client: client.with_options(timeout=0), "timeout", None),
        (lambda client: client.with_options(max_retries=-1), "max_retries", None),
        (lambda client: client.with_options(originator=""), "originator.name", None),
        (lambda _: flowai.Sandbox(seed={"rules": [{"any": True, "replies": []}]}), "seed", None),
        (lambda _: flowai.Sandbox(seed="/no/such/file.json"), "seed", None),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_sent(
    sandbox: flowai.Sandbox,
    client: flowai.Client,
    call: Callable[[flowai.Client], object],
    argument: str,
    delivery: str | None,
) -> None:
    with pytest.raises(flowai.InvalidArgumentError) as caught:
        call(client)
    assert (caught.value.argument, caught.value.delivery) == (argument, delivery)
    assert sandbox.requests == []


def test_a_seed_may_be_a_file(tmp_path: Any) -> None:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(SEED))
    for given in (path, str(path)):
        with flowai.Sandbox(seed=given) as sandbox, sandbox.client() as client:
            assert client.trigger_events() == ["ORDER_SHIPPED"]
