"""Events: reading them, verifying them, and what hostile ones can do."""

from __future__ import annotations

import base64
import doctest
import enum
import hashlib
import hmac
import json
import pickle
import subprocess
import sys
import time

import pytest

import flowai
from conftest import SECRET
from flowai import EventKind

REPLY = {
    "type": "message.reply",
    "threadId": "7c1f0c52|w_caRv7zQ_1",
    "traceId": 42,
    "createdAt": "2019-06-25T12:45:11.857Z",
    "originator": {"name": "Bot", "role": "bot"},
    "user": {"name": "John", "role": "user"},
    "messages": [
        {
            "fallback": "nothing to see",
            "meta": {"msgId": "m1"},
            "responses": [
                {"type": "text", "payload": {"text": "It arrives"}, "delay": 100},
                {"type": "text", "payload": {"text": "tomorrow."}, "fallback": "x"},
                {"type": "hologram", "payload": {"shape": 1}},
            ],
        }
    ],
}


def token(secret: str = SECRET, **claims: object) -> str:
    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = part(b'{"alg":"HS256","typ":"JWT"}') + "." + part(json.dumps(claims).encode())
    return head + "." + part(hmac.digest(secret.encode(), head.encode(), hashlib.sha256))


def test_a_reply():
    event = flowai.parse_event(json.dumps(REPLY))
    assert event.type == "message.reply"
    assert event.kind is EventKind.REPLY
    assert event.thread_id == "7c1f0c52|w_caRv7zQ_1"
    assert (event.thread.user, event.thread.channel) == ("7c1f0c52", "w_caRv7zQ_1")
    assert str(event.thread) == event.thread_id
    assert event.is_for("7c1f0c52")
    assert not event.is_for("7c1f0c5")
    assert event.text == "It arrives\ntomorrow."
    assert event.trace_id == 42
    assert event.created_at == "2019-06-25T12:45:11.857Z"
    assert event.originator == flowai.Originator("Bot", "bot")
    assert event.user.name == "John"
    assert event.is_paused is None
    (message,) = event.messages
    assert [response.type for response in message.responses] == ["text", "text", "hologram"]
    assert message.responses[0].delay == 100
    assert message.responses[0].text == "It arrives"
    assert message.responses[2].payload == {"shape": 1}
    assert message.text == event.text
    assert event.dedupe_key.startswith("v1:")
    assert event.raw == json.dumps(REPLY).encode()
    assert (event.history, event.business_hours, event.threads, event.triggers) == ((), (), (), ())


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, lambda body: body.decode()])
def test_bodies_of_every_kind(wrap):
    body = '{"type": "message.delivered", "speech": "héllo"}'.encode()
    assert flowai.parse_event(wrap(body)).text == "héllo"
    assert flowai.parse_event(memoryview(b"x" + body)[1:]).raw == body


def test_events_can_be_pickled_compared_and_hashed():
    event = flowai.parse_event(json.dumps(REPLY))
    again = pickle.loads(pickle.dumps(event))
    assert again == event
    assert hash(again) == hash(event)
    assert again != flowai.parse_event("{}")
    assert event != 3
    assert pickle.loads(pickle.dumps(event.kind)) is EventKind.REPLY


def test_repr_has_no_content():
    text = repr(flowai.parse_event(json.dumps(REPLY)))
    assert text == "Event(type='message.reply', thread_id='7c1f0c52|w_caRv7zQ_1')"


def test_parse_events():
    assert [event.kind for event in flowai.parse_events('[{"type": "paused"}, {"type": "resumed"}]')] == [
        EventKind.PAUSED,
        EventKind.RESUMED,
    ]
    assert len(flowai.parse_events("{}")) == 1
    assert flowai.parse_events("[]") == []
    with pytest.raises(flowai.WebhookParseError):
        flowai.parse_events('[{"type": "paused"}, 3]')


def test_event_kinds():
    assert issubclass(EventKind, enum.IntEnum)
    assert {kind.name: kind.value for kind in EventKind} == {
        "UNKNOWN": 0,
        "REPLY": 1,
        "DELIVERED": 2,
        "HANDOVER": 3,
        "PAUSED": 4,
        "RESUMED": 5,
        "BOT_STATUS": 6,
        "HISTORY": 7,
        "BUSINESS_HOURS": 8,
        "THREADS": 9,
        "TRIGGER_EVENTS": 10,
        "INBOUND": 11,
        "OUTBOUND": 12,
    }


def test_trace_ids_of_the_platform_are_text():
    assert flowai.parse_event('{"traceId": "6beafa70:23cab391:1"}').trace_id == "6beafa70:23cab391:1"
    assert flowai.parse_event('{"traceId": "12"}').trace_id == 12
    assert flowai.parse_event("{}").trace_id is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"3",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"a": "\xc3\x28"}',
        b'{"a": "\\ud800"}',
        "\ud800",
        b'{"type": "a", "type": "b"}',
        b"[" * 100_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b"{} x",
        b'{"a": NaN}',
    ],
)
def test_hostile_bodies_raise_our_error_only(body):
    with pytest.raises(flowai.WebhookParseError) as caught:
        flowai.parse_event(body)
    assert isinstance(caught.value, ValueError)
    assert caught.value.kind == "webhook_parse"


def test_bodies_of_the_wrong_type():
    for body in (None, 3, {"type": "paused"}, ["x"]):
        with pytest.raises(TypeError):
            flowai.parse_event(body)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer {}"},
        {"authorization": b"Bearer {}"},
        {b"AUTHORIZATION": b"{}"},
        [("X-Access-Token", "{}")],
        ((b"x-access-token", b"{}"),),
    ],
)
def test_jwt_in_every_form_of_headers(headers):
    def put(value):
        return (
            value.replace(b"{}", token().encode())
            if isinstance(value, bytes)
            else value.replace("{}", token())
        )

    pairs = headers.items() if isinstance(headers, dict) else headers
    filled = [(name, put(value)) for name, value in pairs]
    verifier = flowai.Verifier.jwt(SECRET)
    assert verifier.verify(b"{}", dict(filled)) is None
    assert verifier.unwrap(b'{"type": "paused"}', filled).kind is EventKind.PAUSED


def test_jwt_options():
    verifier = flowai.Verifier.jwt(["another secret of thirty-two bytes", SECRET.encode()], require_exp=True)
    with pytest.raises(flowai.WebhookVerificationError, match="exp"):
        verifier.verify(b"{}", {"authorization": token()})
    verifier.verify(b"{}", {"authorization": token(exp=time.time() + 60)})
    late = {"authorization": token(exp=time.time() - 30)}
    flowai.Verifier.jwt(SECRET).verify(b"{}", late)
    with pytest.raises(flowai.WebhookVerificationError):
        flowai.Verifier.jwt(SECRET, leeway=0).verify(b"{}", late)
    with pytest.raises(flowai.InvalidArgumentError) as caught:
        flowai.Verifier.jwt("short")
    assert caught.value.argument == "secret"
    flowai.Verifier.jwt("short", min_secret_bytes=5)


def test_other_verifiers():
    header = flowai.Verifier.header("X-Secret", "tea pot é")
    header.verify("{}", {"x-secret": "tea pot é".encode()})
    header.verify("{}", {"x-secret": "tea pot é".encode().decode("latin-1")})
    body = flowai.Verifier.body_key(b"k")
    body.verify('{"verifyKey": "k"}', {})
    either = flowai.Verifier.any(header, body)
    either.verify(b'{"verifyToken": "k"}', {})
    with pytest.raises(flowai.WebhookVerificationError):
        either.verify(b"{}", {})
    with pytest.raises(flowai.InvalidArgumentError):
        flowai.Verifier.any()


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "a.b.c", "\ud800", "é" * 10_000, "..", "\x00"])
@pytest.mark.parametrize("name", ["authorization", "x-access-token", "\ud800", ""])
def test_hostile_headers_raise_our_error_only(name, value):
    for wrap in (str, lambda text: text.encode("utf-8", "surrogatepass")):
        with pytest.raises(flowai.WebhookVerificationError):
            flowai.Verifier.jwt(SECRET).verify(b"\xff", [(wrap(name), wrap(value))])


def test_headers_of_the_wrong_type():
    for headers in (None, 3, "authorization", [("a",)], {"a": 3}, [3]):
        with pytest.raises(TypeError):
            flowai.Verifier.jwt(SECRET).verify(b"{}", headers)


def test_verifiers_never_show_secrets():
    verifier = flowai.Verifier.any(
        flowai.Verifier.jwt(SECRET),
        flowai.Verifier.header("X-Secret", SECRET),
        flowai.Verifier.body_key(SECRET),
    )
    assert repr(verifier) == (
        "Verifier.any(Verifier.jwt(secrets=1, require_exp=False, leeway=60.0),"
        " Verifier.header(name='X-Secret'), Verifier.body_key())"
    )
    rotating = flowai.Verifier.jwt([SECRET, SECRET * 2], require_exp=True, leeway=5)
    assert repr(rotating) == "Verifier.jwt(secrets=2, require_exp=True, leeway=5.0)"
    with pytest.raises(flowai.WebhookVerificationError) as caught:
        verifier.verify(b"{}", {"authorization": SECRET})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("args", [(), (SECRET,)])
def test_a_verifier_without_a_way_names_the_ways(args):
    with pytest.raises(TypeError, match=r"Verifier\.jwt, .*\.header, .*\.body_key or Verifier\.any"):
        flowai.Verifier(*args)


class Request:
    def __init__(self, body: bytes, **headers: str) -> None:
        self.body, self.headers = body, headers


def test_the_help_on_verifiers_shows_how_to_use_them(capsys):
    names = {"flowai": flowai, "verifier": flowai.Verifier.jwt(SECRET), "events": []}
    for method in (flowai.Verifier.unwrap, flowai.Verifier.verify):
        doc = " ".join(method.__doc__.split())
        assert all(
            word in doc for word in ("body: ", "headers: ", "eturns ", "Raises WebhookVerificationError")
        )
    [example] = doctest.DocTestParser().get_examples(flowai.Verifier.unwrap.__doc__)
    exec(example.source, names)
    webhook = names["webhook"]
    assert webhook(Request(b'{"type": "paused"}')) == 401
    assert webhook(Request(b"nonsense", authorization=token())) == 400
    assert webhook(Request(b'{"type": "paused"}', authorization=token())) == 200
    assert [event.kind for event in names["events"]] == [EventKind.PAUSED]
    [example] = doctest.DocTestParser().get_examples(flowai.Verifier.verify.__doc__)
    exec(example.source, {**names, "request": Request(b"{}")})
    exec(example.source, {**names, "request": Request(b"{}", authorization=token())})
    assert capsys.readouterr().out == "refused: the call has no token\n"


def test_import_stays_light():
    program = "import sys, flowai; print(*[m for m in {} if m in sys.modules])".format(
        [
            "asyncio",
            "ssl",
            "http",
            "enum",
            "re",
            "typing",
            "dataclasses",
            "json",
            "datetime",
            "inspect",
            "signal",
        ]
    )
    # Without site and its additions, which may import anything themselves.
    found = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {program}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.stdout.split() == []
