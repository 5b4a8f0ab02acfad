"""The shared vectors: every call makes its request and reads its answer, every webhook body is understood."""

from __future__ import annotations

import base64
import copy
import json
import math
import pickle
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

import flowai
from vectors import (
    CALLS,
    FACES,
    FILE_FORMS,
    client_for,
    compare,
    error_problems,
    filled,
    load,
    perform,
    server,
    wire,
)

# The id of a vector, and why Python cannot say what it says.
SKIPPED: dict[str, str] = {}


def cases() -> list[Any]:
    found = []
    for area in CALLS:
        for vector in load(area):
            is_upload = vector["call"]["op"] == "upload_media"
            named = is_upload and "filename" in vector["call"]["args"]["file"]
            for form in FILE_FORMS if named else FILE_FORMS[:1]:
                if "filename" in vector["call"]["args"] and form == "bytes":
                    continue
                name = f"{vector['id']}-{form}" if is_upload else vector["id"]
                found.append(pytest.param(vector, form, id=name))
    return found


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("vector", "form"), cases())
def test_call(vector: dict[str, Any], form: str, face: str) -> None:
    if vector["id"] in SKIPPED:
        pytest.skip(SKIPPED[vector["id"]])
    run = f"python{face}{form}"
    expected = vector.get("error")
    problems = []
    try:
        client = client_for(vector, run, face)
        actual = perform(client, filled(vector, "call", run), form)
    except flowai.FlowAIError as error:
        problems += error_problems(expected, error) if expected else [repr(error)]
    else:
        problems += compare(vector.get("result"), actual) if not expected else [f"returned {actual}"]
    problems += server().verdict(vector["id"], run)["problems"]
    assert not problems, "\n".join(problems)


def test_the_cases_are_all_there() -> None:
    assert len(cases()) > 600
    assert len(SKIPPED) == 0
    operations = {vector["call"]["op"] for area in CALLS for vector in load(area)}
    for client in (flowai.Client, flowai.AsyncClient):
        calls = {name for name in dir(client) if not name.startswith("_")}
        # Many at a time are what single ones are, see test_send_many.py.
        assert operations == calls - {"close", "base_url", "with_options", "send_many", "iter_send_many"}


def body(vector: dict[str, Any]) -> bytes:
    if "event" in vector:
        return json.dumps(vector["event"]).encode()
    if "body" in vector:
        return vector["body"].encode()  # type: ignore[no-any-return]
    if "base64" in vector:
        return base64.b64decode(vector["base64"])
    return b"".join(part["text"].encode() * part.get("times", 1) for part in vector["parts"])


def milliseconds(moment: str | float | None) -> int | None:
    """The time of an event as it came, as milliseconds since 1970."""
    if not isinstance(moment, str):
        return None if moment is None else math.floor(moment)
    try:
        # Python 3.10 does not know the Z.
        return round(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000)
    except ValueError:
        return None


READERS: dict[str, Callable[[flowai.Event], Any]] = {
    "type": lambda event: event.type,
    "kind": lambda event: int(event.kind),
    "thread_id": lambda event: event.thread_id,
    "thread": lambda event: {"user": event.thread.user, "channel": event.thread.channel},
    "text": lambda event: event.text,
    "is_paused": lambda event: event.is_paused,
    "created_at_ms": lambda event: milliseconds(event.created_at),
    "messages": lambda event: len(event.messages),
    "responses": lambda event: [[r.type for r in m.responses] for m in event.messages],
    "delays": lambda event: [[r.delay for r in m.responses] for m in event.messages],
    "history": lambda event: wire(event.history),
    "business_hours": lambda event: wire(event.business_hours),
    "threads": lambda event: list(event.threads),
    "triggers": lambda event: list(event.triggers),
    "dedupe_key": lambda event: None if event.dedupe_key is None else "present",
}


def person(originator: flowai.Originator | None, expected: dict[str, Any] | None) -> list[str]:
    """The members that the vector gives, in the document and below it."""
    if originator is None or expected is None:
        return [] if originator is None and expected is None else [f"{originator!r} instead of {expected!r}"]
    document = originator.to_dict()
    profile = expected.get("profile")
    problems = compare({k: v for k, v in expected.items() if k != "profile"}, document)
    return problems + (compare(profile, document.get("profile")) if profile else [])


KINDS = (
    *("unknown", "text", "image", "video", "audio", "file", "location", "card", "carousel", "list"),
    *("buttons", "webview", "handover", "note", "custom", "event", "system_reply", "khoros_priority"),
    *("agent_text", "channel"),
)


def field(document: flowai.Template, name: str) -> Any:
    """A field of a template; what has no class of its own is read from the payload."""
    return getattr(document, name) if hasattr(document, name) else (document.payload or {}).get(name)


def holds(expected: Any, actual: Any, path: str) -> list[str]:
    """Components are objects by public names, of which only those that are given are compared."""
    if isinstance(expected, list):
        if not isinstance(actual, (list, tuple)) or len(actual) != len(expected):
            return [f"{path} is {actual!r} instead of {expected!r}"]
        pairs = enumerate(zip(expected, actual, strict=True))
        return [problem for place, (e, a) in pairs for problem in holds(e, a, f"{path}[{place}]")]
    if isinstance(expected, dict) and not isinstance(actual, dict):
        return [p for name, e in expected.items() for p in holds(e, getattr(actual, name), f"{path}.{name}")]
    return [f"{path}: {problem}" for problem in compare(expected, actual)]


def template_problems(expected: dict[str, Any], template: flowai.Template) -> list[str]:
    problems = []
    for member, value in expected.items():
        match member:
            case "type":
                problems += compare(value, template.type)
            case "kind":
                problems += compare(KINDS[value], template.kind)
                # What has a class of its own is of that class.
                typed = KINDS[value] not in ("unknown", "channel")
                problems += compare(typed, type(template) is not flowai.Template)
            case "fields":
                for name, wanted in value.items():
                    problems += holds(wanted, field(template, name), name)
            case "missing":
                # The text of a template is always a str.
                present = [
                    n for n in value if field(template, n) not in (None, "" if n == "text" else None, ())
                ]
                problems += [f"{name} is not absent" for name in present]
            case "payload":
                problems += compare(value, template.payload)
                problems += compare(value, template.to_dict().get("payload")) if value is not None else []
            case _:
                raise AssertionError(f"the vectors expect {member}, which this runner does not know")
    return problems


def event_problems(event: flowai.Event, expect: dict[str, Any], keys: dict[str, str | None]) -> list[str]:
    problems = []
    for member, expected in expect.items():
        match member:
            case "originator" | "user":
                problems += [f"{member}: {p}" for p in person(getattr(event, member), expected)]
            case "trace_id":
                found = event.trace_id
                if (None if found is None else str(found)) != (None if expected is None else str(expected)):
                    problems.append(f"trace_id is {found!r} instead of {expected!r}")
                if found is not None and str(found).isdecimal() and int(found) < 2**53:
                    problems += [] if isinstance(found, int) else [f"trace_id {found!r} is no int"]
            case "is_for":
                problems += [
                    f"is_for({i!r}) is false" for i in expected.get("yes", []) if not event.is_for(i)
                ]
                problems += [f"is_for({i!r}) is true" for i in expected.get("no", []) if event.is_for(i)]
            case "templates":
                templates = [response for message in event.messages for response in message.responses]
                problems += compare(len(expected), len(templates))
                for wanted, template in zip(expected, templates, strict=False):
                    problems += [f"{template.type}: {p}" for p in template_problems(wanted, template)]
            case "same_dedupe_key_as":
                if event.dedupe_key is None or event.dedupe_key != keys[expected]:
                    problems.append(f"another dedupe_key than {expected}")
            case "other_dedupe_key_than":
                if event.dedupe_key is None or event.dedupe_key == keys[expected]:
                    problems.append(f"no other dedupe_key than {expected}")
            case _:
                found = READERS[member](event)
                problems += [f"{member}: {problem}" for problem in compare(expected, found)]
    return problems


def key_of(vector: dict[str, Any]) -> str | None:
    try:
        key: str | None = flowai.parse_event(body(vector)).dedupe_key
    except flowai.WebhookParseError:
        return None
    return key


def events() -> list[dict[str, Any]]:
    return load("events") + load("templates")


def test_every_event_reads_as_expected() -> None:
    vectors = events()
    assert len(vectors) > 190
    assert len([v for v in vectors if "templates" in v.get("expect", {})]) > 30
    keys = {vector["id"]: key_of(vector) for vector in vectors}
    problems: list[str] = []
    for vector in vectors:
        raw = body(vector)
        try:
            event = flowai.parse_event(raw)
        except flowai.WebhookParseError as error:
            expected = vector.get("error")
            found = error_problems(expected, error) if expected else [f"refused: {error}"]
        else:
            found = event_problems(event, vector["expect"], keys) if "expect" in vector else ["accepted"]
            if event.raw != raw:
                found.append("raw is not the body")
        problems += [f"{vector['id']}: {problem}" for problem in found]
    assert not problems, "\n".join(problems)


def test_every_form_of_a_body_is_the_same_event() -> None:
    parsed = 0
    for vector in events():
        if "expect" not in vector:
            continue
        raw = body(vector)
        event = flowai.parse_event(raw)
        forms = (bytearray(raw), memoryview(raw), raw.decode("utf-8"))
        same = [flowai.parse_event(form) for form in forms]
        same += flowai.parse_events(raw)
        # What is written as text may be as deep as is allowed.
        same += flowai.parse_events(b"[" + raw + b"]") if "event" in vector else []
        same += [pickle.loads(pickle.dumps(event)), copy.copy(event), copy.deepcopy(event)]
        assert all(other == event and hash(other) == hash(event) for other in same), vector["id"]
        assert {other.dedupe_key for other in same} == {event.dedupe_key}, vector["id"]
        assert {other.text for other in same} == {event.text}, vector["id"]
        parsed += 1
    assert parsed > 120


def test_every_business_hour_is_understood() -> None:
    vectors = load("opening_hours")
    assert len(vectors) >= 50
    problems = []
    for vector in vectors:
        hours = flowai.BusinessHours._restore(vector["hours"])
        at = datetime.fromisoformat(vector["at"])
        for member, expected in vector["expect"].items():
            found = getattr(hours, member)(at)
            shown = found.isoformat() if isinstance(found, datetime) else found
            problems += [f"{vector['id']}: {member}: {problem}" for problem in compare(expected, shown)]
    assert not problems, "\n".join(problems)


def test_kinds_have_the_numbers_of_the_other_languages() -> None:
    names = (
        "UNKNOWN REPLY DELIVERED HANDOVER PAUSED RESUMED BOT_STATUS HISTORY BUSINESS_HOURS THREADS "
        "TRIGGER_EVENTS INBOUND OUTBOUND"
    )
    assert {kind.name: int(kind) for kind in flowai.EventKind} == {
        name: number for number, name in enumerate(names.split())
    }
