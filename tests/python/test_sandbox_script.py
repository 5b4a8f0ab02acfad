"""What a sandbox is told to answer, and webhook calls that it makes up."""

from __future__ import annotations

import doctest
import json
import re

import pytest

import flowai


def said(sandbox: flowai.Sandbox, *texts: str) -> list[str]:
    with sandbox.client() as client:
        return [client.ask("thread-1", text).text for text in texts]


def test_texts(sandbox):
    sandbox.reply("hello", "Hi there!")
    sandbox.reply("bye", "Goodbye!", "And thank you.")
    assert said(sandbox, " HELLO ", "bye", "other") == ["Hi there!", "Goodbye!\nAnd thank you.", "other"]


def test_the_last_word_counts(sandbox):
    sandbox.reply(None, "anything")
    sandbox.reply("hello", "first")
    sandbox.reply("hello", "second", times=1)
    assert said(sandbox, "hello", "hello", "other") == ["second", "first", "anything"]


def test_patterns(sandbox):
    sandbox.reply(re.compile(r"order (?P<number>\d+)"), "Order $number is on its way.")
    sandbox.reply(re.compile(r"^ a  .  b $ # a letter between", re.VERBOSE | re.DOTALL), "$0!")
    assert said(sandbox, "Where is ORDER 99812?", "a\nb", "a  b") == [
        "Order 99812 is on its way.",
        "a\nb!",
        "a  b",
    ]


def test_events_and_templates(sandbox):
    card = flowai.CardTemplate(
        title="Sofa", buttons=[flowai.Button(type="url", label="Look", value="https://x")]
    )
    sandbox.reply(flowai.EventMessage("OFFER"), [card, "Only today!"], quick_replies=["Yes", "No"])
    with sandbox.client() as client:
        reply = client.ask("thread-1", flowai.EventMessage("OFFER"))
        assert said(sandbox, "OFFER") == ["OFFER"]
    assert len(reply.messages) == 1
    assert [part.type for part in reply.templates] == ["card", "text"]
    assert reply.templates[0].title == "Sofa"
    assert [answer.label for answer in reply.quick_replies] == ["Yes", "No"]


def test_dicts_silence_and_changes(sandbox, client):
    sandbox.reply("human", {"type": "text", "payload": {"text": "One moment"}}, then="handover")
    sandbox.reply("shh")
    client.send_text("thread-1", "shh")
    assert [delivery.event["type"] for delivery in sandbox.deliveries] == ["message.delivered"]
    client.send_text("thread-1", "human")
    assert sandbox.thread_state("thread-1") == "handover"
    assert client.bot_status("thread-1").is_paused


def test_in_turn(sandbox):
    sandbox.reply_in_turn("next", "One", ["Two", "and a half"], flowai.TextTemplate(text="Three"))
    assert said(sandbox, *["next"] * 4) == ["One", "Two\nand a half", "Three", "Three"]


def test_rules(sandbox):
    reply = {"type": "text", "payload": {"text": "We are closed."}}
    sandbox.add_rules([{"any": True, "replies": [reply], "times": 1}])
    assert said(sandbox, "a", "a") == ["We are closed.", "a"]


@pytest.mark.parametrize(
    ("tell", "problem"),
    [
        (lambda s: s.reply("", "x"), "rules[0].text must not be empty"),
        (lambda s: s.reply("a", "x", times=0), "rules[0].times must be a whole number above zero"),
        (lambda s: s.reply("a", "x", then="explode"), "then: must be pause, handover or resolve"),
        (lambda s: s.reply("a", quick_replies=["Yes"]), "needs a reply to stand under"),
        (lambda s: s.reply(re.compile(r"(?=x)"), "x"), "is not a pattern"),
        (lambda s: s.reply("a", {"type": "text", "payload": {}}), "payload.text is missing"),
        (lambda s: s.reply("a", "\ud800"), "replies"),
        (lambda s: s.reply_in_turn("a"), "replies: must not be empty"),
        (lambda s: s.add_rules([{"text": "a", "nonsense": 1}]), "rules[0].nonsense is not known here"),
        (lambda s: s.event("control.pause", "x"), "control.pause says nothing"),
        (lambda s: s.event(""), "kind: must not be empty"),
        (lambda s: s.event(flowai.EventKind.UNKNOWN), "kind: is unknown"),
    ],
)
def test_wrong_values_change_nothing(sandbox, tell, problem):
    with pytest.raises(flowai.InvalidArgumentError, match=re.escape(problem)):
        tell(sandbox)
    assert said(sandbox, "a") == ["a"]


@pytest.mark.parametrize(
    "tell",
    [
        lambda s: s.reply(3, "x"),
        lambda s: s.reply(re.compile(b"x"), "x"),
        lambda s: s.reply("a", 3),
        lambda s: s.reply("a", [["x"]]),
        lambda s: s.reply(flowai.TextMessage("a"), "x"),
        lambda s: s.reply("a", "x", times="1"),
        lambda s: s.add_rules({1: 2}),
        lambda s: s.event(None),
        lambda s: s.event("x", thread_id=3),
    ],
)
def test_wrong_types(sandbox, tell):
    with pytest.raises(TypeError):
        tell(sandbox)


def test_made_events_are_signed(sandbox):
    verifier = flowai.Verifier.jwt(sandbox.webhook_secret)
    call = sandbox.event("message.reply", "Hello!", flowai.CardTemplate(title="Sofa"), quick_replies=["Yes"])
    event = verifier.unwrap(call.body, call.headers)
    assert event == call.event
    assert (event.kind, event.thread_id, event.text) == (flowai.EventKind.REPLY, "thread-1", "Hello!")
    assert [part.type for part in event.messages[0].responses] == ["text", "card"]
    assert event.dedupe_key is not None
    assert event.dedupe_key != sandbox.event("message.reply", "Hello!").event.dedupe_key
    assert repr(call).startswith("<flowai.WebhookCall Event(")
    assert "eyJ" not in repr(call)
    nonsense = b"no JSON at all"
    verifier.verify(nonsense, sandbox.sign())
    with pytest.raises(flowai.WebhookParseError):
        verifier.unwrap(nonsense, sandbox.sign())
    assert sandbox.deliveries == []


@pytest.mark.parametrize("kind", [kind for kind in flowai.EventKind if kind is not flowai.EventKind.UNKNOWN])
def test_every_kind_can_be_made(sandbox, kind):
    event = sandbox.event(kind).event
    assert event.kind is kind
    assert (event.thread_id == "thread-1") == (
        kind.name not in ("BUSINESS_HOURS", "THREADS", "TRIGGER_EVENTS")
    )


def test_made_events_have_what_is_given(sandbox):
    assert sandbox.event("isPaused", isPaused=True, thread_id="t").event.is_paused
    assert sandbox.event("message.delivered", "Hello").event.text == "Hello"
    event = sandbox.event("inbound", "At last!", originator=flowai.Originator("Jane"), traceId=7).event
    assert (event.text, event.originator.name, event.trace_id) == ("At last!", "Jane", 7)
    assert json.loads(sandbox.event("something.new", deep=[{"a": None}]).body) == {
        "type": "something.new",
        "threadId": "thread-1",
        "deep": [{"a": None}],
    }


def test_made_events_can_be_pushed(loop):
    _, receiver, sandbox = loop
    event = sandbox.event("message.reply", "Pushed").event
    sandbox.push(event)
    assert json.loads(receiver.next(timeout=10).raw) == json.loads(event.raw)


def test_a_secret_that_is_changed_signs_what_follows(sandbox, serve):
    server = serve()
    secret = "another secret, of at least 32 bytes"
    sandbox.set_webhook(server.base_url, secret=secret)
    call = sandbox.event("control.pause")
    flowai.Verifier.jwt(secret).verify(call.body, call.headers)


@pytest.mark.parametrize(
    "documented",
    [
        *(getattr(flowai.Sandbox, name) for name in ("reply", "reply_in_turn", "add_rules", "event", "sign")),
        *(flowai.Sandbox.async_client, flowai.WebhookCall, flowai),
    ],
    ids=lambda documented: documented.__name__,
)
def test_the_examples_in_the_help_run(sandbox, documented):
    names = {"flowai": flowai, "sandbox": sandbox}
    examples = doctest.DocTestParser().get_doctest(documented.__doc__, names, "help", None, None)
    assert examples.examples
    assert doctest.DocTestRunner().run(examples).failed == 0
