"""What values can do, for every public class: a class that is in none of the tables fails the test."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import flowai
from flowai import _flowai, exceptions

CLASSES = {
    name: value
    for name in flowai.__all__
    if isinstance(value := getattr(flowai, name), type) and not isinstance(value, str)
}

# What holds something open, goes on, or acts: no values. What pickling and copying them says.
LIVE = {
    "AsyncClient",
    "AsyncHistoryIterator",
    "AsyncThreadIterator",
    "Client",
    "Delivery",
    "HistoryIterator",
    "Inbox",
    "Outbox",
    "Receiver",
    "ReportIterator",
    "Sandbox",
    "ThreadIterator",
    "Verifier",
}

AWAITED = {"AsyncDelivery", "AsyncInbox", "AsyncOutbox", "AsyncReceiver", "AsyncReportIterator"}
# Plain Python: test_webhook.py.
PLAIN = {"Webhook", "WebhookAnswer"}
# Their repr is a line for people, not how to make one.
SHOWN_AS_A_LINE = {"RecordedDelivery", "RecordedRequest", "WebhookCall"}

LONG = "x" * 100_000
EVENT = b'{"type": "message.reply", "threadId": "t|c", "messages": [{"fallback": "hi"}]}'

# Documents for models that do not accept an empty one.
DOCUMENTS = {
    "Channel": {"channelName": "whatsapp", "externalId": "1"},
    "EventMessage": {"type": "event", "eventName": "E"},
    "LocationMessage": {"type": "location", "lat": "1", "long": "2"},
    "MediaMessage": {"type": "media", "mediaType": "image", "url": "https://x/y"},
    "Originator": {"name": "John", "role": "external"},
    "Recipient": {"name": "John"},
    "TextMessage": {"type": "text", "speech": "Hello"},
}

MODELS = {name: model for name, model in CLASSES.items() if issubclass(model, _flowai.Model)}
# A template of no known type keeps what is unknown in its payload.
TYPED = [name for name in MODELS if name != "Template"]
ERRORS = {name: error for name, error in CLASSES.items() if issubclass(error, BaseException)}


def model_of(model: Any, extra: dict[str, Any]) -> Any:
    document: dict[str, Any] = dict(DOCUMENTS.get(model.__name__, {}))
    if issubclass(model, flowai.Template):
        place = (
            dict(model().to_dict()) if model is not flowai.Template else {"type": "unknown", "payload": {}}
        )
        place["payload"] = {**place.get("payload", {}), **extra}
        return model.from_dict(place)
    return model.from_dict({**document, **extra})


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One value of each class that is a value and no model."""
    where: Path = tmp_path_factory.mktemp("values")
    event = flowai.parse_event(EVENT)
    found: dict[str, Any] = {"Event": event, "ThreadId": event.thread, "EventKind": event.kind}
    with flowai.Sandbox() as sandbox, sandbox.client() as client:
        found["Receipt"] = client.send_text("t", "Hello")
        found["Reply"] = client.ask("t", "Hello")
        found["HistoryPage"] = client.history("t")
        found["ThreadsPage"] = client.threads()
        found["BotStatus"] = client.bot_status("t")
        found["Response"] = client.request("GET", "threads")
        with flowai.Receiver(verifier=None) as receiver:
            sandbox.set_webhook(receiver.url)
            client.upload_media("t", b"...", filename="a.png", media_type="image")
            assert sandbox.wait_delivered(20)
        found["RecordedRequest"] = sandbox.requests[-1]
        found["UploadedFile"] = sandbox.requests[-1].file
        found["RecordedDelivery"] = sandbox.deliveries[-1]
        found["DeliveryAttempt"] = sandbox.deliveries[-1].attempts[0]
        found["WebhookCall"] = sandbox.event("message.reply", "Hello")
        with flowai.Inbox.open(where / "inbox.db") as inbox:
            found["StoredEvent"] = inbox.put(EVENT)[0]
            found["InboxEntry"] = inbox.list()[0]
            found["InboxStats"] = inbox.stats()
        nobody = flowai.Client("K", base_url="http://127.0.0.1:9/rest/v1/", max_retries=0)
        with flowai.Outbox.open(where / "outbox.db", nobody, retry_min=60) as outbox:
            found["OutboxReceipt"] = outbox.send_text("t", "Hello")
            found["OutboxEntry"] = outbox.list()[0]
            found["OutboxStats"] = outbox.stats()
        with flowai.Outbox.open(where / "other.db", client) as outbox:
            outbox.send_text("t", "Hello")
            found["OutboxReport"] = outbox.next_report(timeout=20)
    return found


VALUES = sorted(set(CLASSES) - LIVE - AWAITED - PLAIN - set(MODELS) - set(ERRORS))


def check_value(value: Any) -> None:
    cls = type(value)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(value, protocol))
        assert type(again) is cls
        assert again == value
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value
    assert hash(pickle.loads(pickle.dumps(value))) == hash(value)
    assert {value: 1}[copy.deepcopy(value)] == 1
    assert value != object()
    assert (value == 3) is (cls is flowai.EventKind and value == 3)
    if cls is not flowai.EventKind:
        with pytest.raises((AttributeError, TypeError)):
            value.something_new = 1


def check_match(value: Any) -> None:
    names = type(value).__match_args__
    assert names
    for name in names:
        assert hasattr(value, name)
        with pytest.raises((AttributeError, TypeError)):
            setattr(value, name, 1)


@pytest.mark.parametrize("name", VALUES)
def test_a_value(name: str, values: dict[str, Any]) -> None:
    value = values[name]
    assert type(value) is CLASSES[name]
    check_value(value)
    assert len(repr(value)) < 500
    if name != "EventKind":
        check_match(value)
        assert repr(value).startswith(f"<flowai.{name} " if name in SHOWN_AS_A_LINE else f"{name}(")


def test_what_a_sandbox_recorded_is_equal_when_all_of_it_is(values: dict[str, Any]) -> None:
    with flowai.Sandbox() as sandbox, sandbox.client() as client:
        for text in ("one", "two"):
            client.send_text("t", text, trace_id=1)
        one, two = sandbox.requests
        assert one == sandbox.requests[0]
        assert one != two
        assert hash(one) == hash(sandbox.requests[0])
        call = sandbox.event("message.reply", "one")
        assert call != sandbox.event("message.reply", "two")
        assert call == pickle.loads(pickle.dumps(call))
        assert pickle.loads(pickle.dumps(call)).event == call.event
    request, delivery = values["RecordedRequest"], values["RecordedDelivery"]
    assert request.file == values["UploadedFile"]
    assert delivery.attempts == (values["DeliveryAttempt"],)
    match request:
        case flowai.RecordedRequest("POST", path, body_length=length, file=flowai.UploadedFile(name="a.png")):
            assert path.endswith("/t")
            assert length > 3
        case _:
            pytest.fail("did not match")
    assert len(repr(sandbox_request("x" * 1000))) < 500


def sandbox_request(thread_id: str) -> flowai.RecordedRequest:
    with flowai.Sandbox() as sandbox, sandbox.client() as client:
        client.send_text(thread_id, "Hello")
        return sandbox.requests[0]


def test_values_match_by_position(values: dict[str, Any]) -> None:
    match values["ThreadId"]:
        case flowai.ThreadId(user, channel):
            assert (user, channel) == ("t", "c")
        case _:
            pytest.fail("did not match")
    match values["Event"]:
        case flowai.Event(flowai.EventKind.REPLY, thread_id):
            assert thread_id == "t|c"
        case _:
            pytest.fail("did not match")
    match values["Receipt"]:
        case flowai.Receipt(thread_id, _, "ok"):
            assert thread_id == "t"
        case _:
            pytest.fail("did not match")


@pytest.mark.parametrize("name", TYPED)
def test_a_model(name: str) -> None:
    model: Any = MODELS[name]
    value = model_of(model, {"unheardOf": [LONG] * 10})
    check_value(value)
    check_match(value)
    assert value.extra == {"unheardOf": [LONG] * 10}
    assert model.from_dict(value.to_dict()) == value
    assert type(model.from_dict(value.to_dict())) is model
    # A huge text or list does not flood a log.
    assert len(repr(value)) < 500
    assert repr(value).startswith(f"{name}(")
    assert value != model_of(model, {})


def test_what_a_template_of_no_known_type_does_not_know_is_kept_too() -> None:
    document = {"type": "new", "payload": {"a": 1}, "delay": 3, "unheardOf": 1}
    template = flowai.Template.from_dict(document)
    assert (template.extra, template.payload) == ({"unheardOf": 1}, {"a": 1})
    assert template.to_dict() == document


@pytest.mark.parametrize("name", TYPED)
def test_a_copy_of_a_model_with_other_values(name: str) -> None:
    value = model_of(MODELS[name], {"unheardOf": 1})
    argument, changed = next(
        (argument, changed)
        for argument in type(value).__match_args__
        for changed in ("whatsapp", 5, True, [], {"name": "John", "role": "external"})
        if takes(value, argument, changed)
    )
    other = value.__replace__(**{argument: changed})
    assert type(other) is type(value)
    assert other.extra == {"unheardOf": 1}
    assert getattr(value.__replace__(), argument) == getattr(value, argument)
    if sys.version_info >= (3, 13):
        assert copy.replace(value, **{argument: changed}) == other
    with pytest.raises(TypeError):
        value.__replace__(no_such_field=1)
    for required in ("name", "text", "channel_name"):
        if name in DOCUMENTED_AS_REQUIRED.get(required, ()):
            with pytest.raises(flowai.InvalidArgumentError):
                value.__replace__(**{required: None})


DOCUMENTED_AS_REQUIRED = {"name": ("Originator",), "text": ("TextMessage",), "channel_name": ("Channel",)}


def takes(value: Any, argument: str, changed: object) -> bool:
    try:
        return bool(getattr(value.__replace__(**{argument: changed}), argument) == changed)
    except (TypeError, ValueError):
        return False


@pytest.mark.parametrize("name", ERRORS)
def test_an_error(name: str) -> None:
    error = ERRORS[name](
        "it failed",
        delivery="maybe_sent",
        retryable=True,
        operation="send_text",
        status=500,
        retry_after=1.5,
        errno=5,
    )
    cause = ValueError("why")
    error.__cause__ = cause
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert str(again) == "it failed"
        assert vars(again) == vars(error)
        assert again.errno == 5
    assert repr(error) == f"{name}('it failed')"
    assert name in exceptions.__all__


@pytest.mark.parametrize("name", sorted(LIVE))
def test_what_is_alive_is_not_pickled_or_copied(name: str, tmp_path: Path) -> None:
    with flowai.Sandbox() as sandbox, sandbox.client() as client:
        make = {
            "AsyncClient": lambda: flowai.AsyncClient("K"),
            "AsyncHistoryIterator": lambda: flowai.AsyncClient("K").iter_history("t"),
            "AsyncThreadIterator": lambda: flowai.AsyncClient("K").iter_threads(),
            "Client": lambda: client,
            "HistoryIterator": lambda: client.iter_history("t"),
            "Inbox": lambda: flowai.Inbox.open(tmp_path / "inbox.db"),
            "Outbox": lambda: flowai.Outbox.open(tmp_path / "outbox.db", client),
            "Receiver": lambda: flowai.Receiver(verifier=None),
            "ReportIterator": lambda: flowai.Outbox.open(tmp_path / "outbox.db", client).reports(timeout=0),
            "Sandbox": lambda: sandbox,
            "ThreadIterator": lambda: client.iter_threads(),
            "Verifier": lambda: flowai.Verifier.header("x", "a secret"),
        }
        if name == "Delivery":
            inbox = flowai.Inbox.open(tmp_path / "inbox.db")
            inbox.put(EVENT)
            value: Any = inbox.next(timeout=20)
        else:
            value = make[name]()
        assert isinstance(value, CLASSES[name])
        with pytest.raises(TypeError):
            pickle.dumps(value)
        with pytest.raises(TypeError):
            copy.copy(value)
        assert len(repr(value)) < 500
        assert hash(value) == hash(value)
        if hasattr(value, "close"):
            closed = value.close()
            if inspect.isawaitable(closed):
                closed.close()  # type: ignore[attr-defined]


CLIENT = flowai.Client("K", base_url="http://127.0.0.1:9/rest/v1/", max_retries=0)


def fail_processed() -> None:
    with flowai.Sandbox() as sandbox:
        sandbox.fail_next(processed="yes")


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: flowai.Client("K", trace_ids="yes"), "trace_ids"),
        (lambda: flowai.AsyncClient("K", allow_http=1), "allow_http"),
        (lambda: flowai.Verifier.jwt("x" * 32, require_exp="no"), "require_exp"),
        (lambda: flowai.Sandbox(sync_replies="no"), "sync_replies"),
        (lambda: CLIENT.send_text("t", "x", write_concern="yes"), "write_concern"),
        (lambda: CLIENT.send_event("t", "E", write_concern=1), "write_concern"),
        (lambda: CLIENT.send_location("t", 1, 2, write_concern=1), "write_concern"),
        (lambda: CLIENT.send_media("t", "https://x/y", media_type="file", write_concern=1), "write_concern"),
        (lambda: CLIENT.upload_media("t", b"x", write_concern=1), "write_concern"),
        (lambda: CLIENT.send("t", flowai.TextMessage("x"), write_concern=1), "write_concern"),
        (lambda: CLIENT.resolve("t", write_concern=1), "write_concern"),
        (lambda: CLIENT.history("t", events=1), "events"),
        (lambda: CLIENT.iter_history("t", events="no"), "events"),
        (lambda: CLIENT.request_history("t", events="no"), "events"),
        (lambda: CLIENT.send_many([], skip_after_failure="no"), "skip_after_failure"),
        (lambda: flowai.AsyncClient("K").history("t", events=1), "events"),
        (fail_processed, "processed"),
    ],
)
def test_a_wrong_truth_value_is_named(make: Any, argument: str) -> None:
    with pytest.raises(TypeError) as caught:
        make()
    assert re.fullmatch(f"{argument} must be a bool, not (str|int)", str(caught.value))
