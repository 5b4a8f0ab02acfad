"""What a bot says as typed values: classes of templates and their components, match statements."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from typing import Any

import pytest

import flowai

CARD = {
    "type": "card",
    "delay": 1000,
    "payload": {
        "title": "Parcel 99812",
        "media": {"url": "https://img.example.org/box.png", "type": "image"},
        "buttons": [
            {
                "type": "url",
                "label": "Track",
                "value": "https://t.example.org",
                "newTab": "true",
                "color": "red",
            },
            "no button",
        ],
        "quickReplies": [{"label": "Thanks"}, {"type": "location"}, {"value": "no"}],
        "shape": "round",
    },
    "mood": "good",
}
TYPED = {
    name.removesuffix("Template"): getattr(flowai, name)
    for name in flowai.__all__
    if name.endswith("Template") and name != "Template"
}


def template(document: dict[str, Any]) -> flowai.Template:
    body = {"type": "message.reply", "threadId": "t", "messages": [{"responses": [document]}]}
    (read,) = flowai.parse_event(json.dumps(body)).messages[0].responses
    return read


def shown(part: flowai.Template) -> str:
    match part:
        case flowai.TextTemplate(text=text):
            return text
        case flowai.ImageTemplate(url=url, title=title):
            return f"{title}: {url}"
        case flowai.CardTemplate(title, buttons=[flowai.Button(label=label), *_]):
            return f"{title} [{label}]"
        case flowai.CarouselTemplate(cards=cards):
            return ", ".join(card.title or "?" for card in cards)
        case flowai.Template(kind="channel", payload=payload):
            return f"{part.type}: {payload}"
        case flowai.Template():
            return part.fallback or part.text
    raise AssertionError


def test_match_statements() -> None:
    said = [
        ({"type": "text", "payload": {"text": "Hi"}}, "Hi"),
        ({"type": "image", "payload": {"title": "A box", "url": "https://x/y"}}, "A box: https://x/y"),
        (CARD, "Parcel 99812 [Track]"),
        ({"type": "carousel", "payload": {"cards": [{"title": "A"}, {}, 3]}}, "A, ?"),
        ({"type": "whatsapp_sticker", "payload": {"stickerId": 1}}, "whatsapp_sticker: {'stickerId': 1}"),
        ({"type": "hologram", "payload": {"title": "3D"}, "fallback": "Look"}, "Look"),
        ({"type": "hologram", "payload": {"title": "3D"}}, "3D"),
        ({"payload": 5}, ""),
    ]
    for document, expected in said:
        assert shown(template(document)) == expected


def test_a_typed_template_is_a_template_and_its_payload() -> None:
    card = template(CARD)
    assert type(card) is flowai.CardTemplate
    assert isinstance(card, flowai.Template)
    assert (card.type, card.kind, card.delay, card.fallback) == ("card", "card", 1000, None)
    assert (card.title, card.subtitle, card.text) == ("Parcel 99812", None, "Parcel 99812")
    assert card.payload == CARD["payload"]
    assert card.media == flowai.CardMedia(url="https://img.example.org/box.png", type="image")
    (button,) = card.buttons
    assert (type(button), button.new_tab, button.extra) == (flowai.Button, True, {"color": "red"})
    replies = card.quick_replies
    assert [reply.label_or_value for reply in replies] == ["Thanks", "", "no"]
    assert [reply.value_or_label for reply in replies] == ["Thanks", "", "no"]
    # What nobody knew, of the payload and around it.
    assert card.extra == {"shape": "round", "mood": "good"}
    assert card.to_dict() == CARD


def test_a_message_offers_the_quick_replies_of_its_parts() -> None:
    offer = flowai.TextTemplate(
        "Well?", quick_replies=[flowai.QuickReply("Yes"), {"label": "No", "value": "n"}]
    )
    message = flowai.ReplyMessage(responses=[offer, template(CARD)])
    labels = [reply.label for reply in message.quick_replies]
    assert labels == ["Yes", "No", "Thanks", None, None]
    assert message.text == "Well?"
    assert message.responses == (offer, template(CARD))


def test_constructors_make_the_documents_of_the_service() -> None:
    text = flowai.TextTemplate("Hello", delay=500, fallback="Hello")
    assert text.to_dict() == {
        "type": "text",
        "payload": {"text": "Hello"},
        "delay": 500,
        "fallback": "Hello",
    }
    listed = flowai.ListTemplate(items=[flowai.ListItem(title="A", featured=True), {"title": "B"}])
    assert listed.to_dict()["payload"] == {"items": [{"title": "A", "featured": True}, {"title": "B"}]}
    webview = flowai.WebviewTemplate(label="Open", trigger=flowai.ButtonTrigger(type="event", value="E"))
    assert webview.trigger == flowai.ButtonTrigger(type="event", value="E")
    assert flowai.HandoverTemplate(reset_context=False).reset_context is False
    assert flowai.NoteTemplate("For agents").text == "For agents"
    assert flowai.SystemReplyTemplate(reply_type="info", text="x").payload == {"type": "info", "text": "x"}
    assert repr(text) == "TextTemplate(text='Hello', delay=500, fallback='Hello')"


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda: flowai.TextTemplate(3), TypeError),
        (lambda: flowai.TextTemplate("x", type="card"), TypeError),
        (lambda: flowai.TextTemplate("x", payload={}), TypeError),
        (lambda: flowai.CardTemplate(buttons=flowai.Button()), TypeError),
        (lambda: flowai.CardTemplate(media=flowai.Button()), TypeError),
        (lambda: flowai.CardTemplate(buttons=[{"label": 3}]), ValueError),
        (lambda: flowai.CardTemplate.from_dict({"type": "text", "payload": {}}), ValueError),
        (lambda: flowai.CardTemplate.from_dict({"payload": {}}), ValueError),
    ],
)
def test_what_makes_no_template(make: Any, wrong: type[Exception]) -> None:
    with pytest.raises(wrong):
        make()


def test_a_document_finds_its_class() -> None:
    class Mine(flowai.Template):
        pass

    class MyCard(flowai.CardTemplate):
        pass

    assert type(flowai.Template.from_dict(CARD)) is flowai.CardTemplate
    assert type(flowai.CardTemplate.from_dict(CARD)) is flowai.CardTemplate
    assert type(Mine.from_dict(CARD)) is Mine
    assert type(MyCard.from_dict(CARD)) is MyCard
    for other in ({"type": "sticker", "payload": {"stickerId": 1}}, {"type": "hologram"}, {"type": None}, {}):
        assert type(flowai.Template.from_dict(other)) is flowai.Template


@pytest.mark.parametrize("class_", TYPED.values())
def test_every_typed_template(class_: type[flowai.Template]) -> None:
    empty = class_()
    assert type(template(empty.to_dict())) is class_
    assert empty.kind == empty.type
    assert set(empty.to_dict()) == {"type", "payload"}
    # What every template has can be given to each.
    given = class_(delay=1, fallback="f")
    assert (given.delay, given.fallback) == (1, "f")
    for name in inspect.signature(class_).parameters:
        assert getattr(empty, name) in (None, (), ""), name
    for again in (copy.copy(given), pickle.loads(pickle.dumps(given)), class_.from_dict(given.to_dict())):
        assert (again, type(again), hash(again)) == (given, class_, hash(given))
    assert given == flowai.Template(type=given.type, payload={}, delay=1, fallback="f")
    assert given != empty


def test_every_kind_of_the_service_has_its_class() -> None:
    assert len(TYPED) == 18
    assert len({class_().type for class_ in TYPED.values()}) == 18


def test_a_part_of_a_reply_is_no_message() -> None:
    client = flowai.Client("k", base_url="http://127.0.0.1:1/")
    with pytest.raises(TypeError, match="message must be"):
        client.send("t", flowai.TextTemplate("x"))  # type: ignore[arg-type]


def test_the_sandbox_answers_with_typed_templates() -> None:
    seed = {"rules": [{"text": "card", "replies": [flowai.CardTemplate(title="A", buttons=[])]}]}
    with flowai.Sandbox(seed=seed) as sandbox, sandbox.client() as client:
        (card,) = client.ask("t", "card").templates
        assert isinstance(card, flowai.CardTemplate)
        assert card.title == "A"
        told = client.history("t").entries[-1].messages[0].responses
        assert told == (card,)
