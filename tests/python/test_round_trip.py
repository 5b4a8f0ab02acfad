"""Documents survive: whatever a model was read from, it writes the same, and is the same after pickling."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Iterator
from typing import Any

import flowai
from flowai import _flowai
from vectors import VECTORS

MODELS = [
    model
    for name in flowai.__all__
    if isinstance(model := getattr(flowai, name), type) and issubclass(model, _flowai.Model)
]
PROPERTIES = {
    model: [name for name in dir(model) if isinstance(getattr(model, name), property)] for model in MODELS
}
REPLIES = (flowai.ReplyMessage, flowai.HistoryEntry, flowai.Template, flowai.Originator, flowai.BusinessHours)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object within a document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from objects(item)


def exactly(value: Any) -> str:
    """A text that tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


def survives(model: type[_flowai.Model], document: dict[str, Any]) -> bool:
    """Whether from_dict takes it; what it does not take must survive all the same."""
    instance = model._restore(document)  # type: ignore[attr-defined]
    wanted = exactly(document)
    assert exactly(instance.to_dict()) == wanted
    again = pickle.loads(pickle.dumps(instance))
    assert (exactly(again.to_dict()), again == instance, hash(again) == hash(instance)) == (
        wanted,
        True,
        True,
    )
    # No attribute raises, whatever is in the document.
    for name in PROPERTIES[model]:
        getattr(instance, name)
    assert len(repr(instance)) < 1000
    try:
        checked = model.from_dict(document)
    except flowai.InvalidArgumentError:
        return False
    assert (exactly(checked.to_dict()), checked == instance) == (wanted, True)
    return True


def test_every_document_of_the_vectors() -> None:
    seen: dict[str, dict[str, Any]] = {}
    for path in sorted(VECTORS.glob("*.json")):
        for found in objects(json.loads(path.read_text(encoding="utf-8"))):
            text = exactly(found)
            if len(text) < 1_500 and not any(key.startswith("$") for key in found):
                seen.setdefault(text, found)
    assert len(seen) > 2_000
    taken = [
        survives(model, document)
        for document in seen.values()
        for model in REPLIES
        # One that knows something of it.
        if model._restore(document).extra != document  # type: ignore[attr-defined]
    ]
    assert len(taken) > 1_000
    assert sum(taken) > len(taken) / 3


STRINGS = ("", "text", "card", "true", "600", "1e3", "é\u202e\U0001f600", "\x00", "null", "x" * 300)
NUMBERS = (0, -1, 1, 2**53, 2**63 - 1, -(2**63), 2**64 - 1, 0.5, 1.0, -0.0, 1e300, 5e-324, True, False, None)
NAMES = sorted(
    {
        key
        for document in objects(json.loads((VECTORS / "templates.json").read_text("utf-8")))
        for key in document
    }
)


def anything(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(10 if depth else 6)
    if kind < 3:
        return chance.choice(STRINGS)
    if kind < 6:
        return chance.choice(NUMBERS)
    if kind < 8:
        return [anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(NAMES): anything(chance, depth - 1) for _ in range(chance.randrange(6))}


def test_random_documents() -> None:
    chance = random.Random(20261123)
    for _ in range(60):
        for model in MODELS:
            document = {chance.choice(NAMES): anything(chance, 4) for _ in range(chance.randrange(8))}
            survives(model, document)


def test_random_replies() -> None:
    """What arrives as an event gives back the parts that it was made of."""
    chance = random.Random(7)
    types = [model().type for model in flowai.Template.__subclasses__()] + ["sticker", "hologram"]
    for _ in range(500):
        parts: list[Any] = []
        for _ in range(chance.randrange(4)):
            payload = {chance.choice(NAMES): anything(chance, 3) for _ in range(chance.randrange(6))}
            parts.append({"type": chance.choice(types), "payload": payload})
        event = flowai.parse_event(json.dumps({"type": "message", "messages": [{"responses": parts}]}))
        (message,) = event.messages
        assert exactly([part.to_dict() for part in message.responses]) == exactly(parts)
        assert exactly(flowai.ReplyMessage.from_dict(message.to_dict()).to_dict()) == exactly(
            message.to_dict()
        )
