"""Parses a reply again and again with one library, reads three of its fields, and prints what one costs."""

import json
import sys
import time
from collections.abc import Callable

COUNT = 20_000
BATCH = 1000


def reply() -> bytes:
    """Make a reply as the service sends it: 1.7 KB."""
    responses = [
        {"type": "text", "payload": {"text": "It is a quarter past eight."}, "delay": 0},
        {
            "type": "card",
            "payload": {
                "title": "The museum",
                "subtitle": "Open until six",
                "media": {"type": "image", "url": "https://example.com/museum.png"},
                "buttons": [
                    {"type": "webview", "label": "Tickets", "value": "https://example.com/tickets"},
                    {"type": "phone", "label": "Call", "value": "+31201234567"},
                ],
                "quickReplies": [
                    {"type": "text", "label": "When?", "value": "When is it open?"},
                    {"type": "event", "label": "Where?", "value": "WHERE"},
                ],
            },
        },
        {
            "type": "text",
            "payload": {
                "text": "Tickets are sold on the page and at the door. Children under twelve come in for "
                "free, and on the first Sunday of each month everybody does. The last tour starts an hour "
                "before the doors close; it takes about fifty minutes, and the café stays open until seven."
            },
            "delay": 1200,
        },
    ]
    profile = {"fullName": "John Doe", "gender": "M", "locale": "en-US", "timezone": -5, "country": "us"}
    message = {
        "fallback": "It is a quarter past eight. The museum is open until six.",
        "replyTo": "What time is it, and is the museum open?",
        "replyToId": "b1b26a5c-2f47-4c1f-9d4b-5d1e3e3f9a10",
        "originator": {"name": "Bot", "role": "bot"},
        "meta": {"msgId": "0c9f5a6e-86a4-4c52-8f5b-9c2a5b3d1e2f"},
        "responses": responses,
        "intents": [{"name": "opening hours", "confidence": 0.97}, {"name": "time", "confidence": 0.93}],
        "params": {"museum": [{"value": "Rijksmuseum"}], "when": [{"value": "today"}]},
    }
    event = {
        "type": "message.reply",
        "threadId": "6ecfd199-853a-448f-9f91-ef397588ff87|webclient",
        "traceId": 1519091841664,
        "messages": [message],
        "originator": {"name": "John Doe", "role": "external", "profile": profile},
        "channel": {"channelName": "webclient", "externalId": "1"},
    }
    return json.dumps(event).encode()


def flowai() -> Callable[[bytes], tuple[str, str, str]]:
    import flowai

    def read(body: bytes) -> tuple[str, str, str]:
        event = flowai.parse_event(body)
        return event.type, event.thread_id, event.text

    return read


def text_of(responses: list[dict[str, dict[str, str]]]) -> str:
    return "\n".join(part["payload"]["text"] for part in responses if part["type"] == "text")


def from_dictionaries(loads: Callable[[bytes], object]) -> Callable[[bytes], tuple[str, str, str]]:
    def read(body: bytes) -> tuple[str, str, str]:
        event = loads(body)
        text = "\n".join(text_of(message["responses"]) for message in event["messages"])
        return event["type"], event["threadId"], text

    return read


def with_json() -> Callable[[bytes], tuple[str, str, str]]:
    return from_dictionaries(json.loads)


def with_orjson() -> Callable[[bytes], tuple[str, str, str]]:
    import orjson

    return from_dictionaries(orjson.loads)


def read_models(event: object) -> tuple[str, str, str]:
    text = "\n".join(
        part.payload["text"]
        for message in event.messages
        for part in message.responses
        if part.type == "text"
    )
    return event.type, event.threadId, text


def with_msgspec() -> Callable[[bytes], tuple[str, str, str]]:
    from typing import Any

    import msgspec

    class Originator(msgspec.Struct):
        name: str = ""
        role: str = ""
        profile: dict[str, Any] | None = None

    class Response(msgspec.Struct):
        type: str
        payload: dict[str, Any]
        delay: int = 0

    class Message(msgspec.Struct):
        fallback: str
        responses: list[Response]
        replyTo: str | None = None  # noqa: N815 (the service's name)
        replyToId: str | None = None  # noqa: N815
        originator: Originator | None = None
        meta: dict[str, Any] | None = None
        intents: list[dict[str, Any]] | None = None
        params: dict[str, Any] | None = None

    class Event(msgspec.Struct):
        type: str
        threadId: str  # noqa: N815
        messages: list[Message]
        traceId: int | None = None  # noqa: N815
        originator: Originator | None = None
        channel: dict[str, Any] | None = None

    decoder = msgspec.json.Decoder(Event)
    return lambda body: read_models(decoder.decode(body))


def with_pydantic() -> Callable[[bytes], tuple[str, str, str]]:
    from typing import Any

    import pydantic

    class Originator(pydantic.BaseModel):
        name: str = ""
        role: str = ""
        profile: dict[str, Any] | None = None

    class Response(pydantic.BaseModel):
        type: str
        payload: dict[str, Any]
        delay: int = 0

    class Message(pydantic.BaseModel):
        fallback: str
        responses: list[Response]
        replyTo: str | None = None  # noqa: N815
        replyToId: str | None = None  # noqa: N815
        originator: Originator | None = None
        meta: dict[str, Any] | None = None
        intents: list[dict[str, Any]] | None = None
        params: dict[str, Any] | None = None

    class Event(pydantic.BaseModel):
        type: str
        threadId: str  # noqa: N815
        messages: list[Message]
        traceId: int | None = None  # noqa: N815
        originator: Originator | None = None
        channel: dict[str, Any] | None = None

    return lambda body: read_models(Event.model_validate_json(body))


PEERS = {
    "flowai": flowai,
    "json": with_json,
    "orjson": with_orjson,
    "msgspec": with_msgspec,
    "pydantic": with_pydantic,
}


def main() -> None:
    body = reply()
    read = PEERS[sys.argv[1]]()
    expected = from_dictionaries(json.loads)(body)
    if not 1600 < len(body) < 1800 or read(body) != expected:
        raise SystemExit(f"{len(body)} bytes, read as {read(body)}")
    best: list[float] = []
    for _ in range(COUNT // BATCH):
        began = time.thread_time_ns()
        for _ in range(BATCH):
            read(body)
        best.append((time.thread_time_ns() - began) / BATCH)
    best.sort()
    print(json.dumps({"nanoseconds": best[len(best) // 2]}))


if __name__ == "__main__":
    main()
