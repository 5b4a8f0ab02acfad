"""The shared vectors of webhook bodies."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import compare

from conftest import VECTORS

Json = Any

HERE = Path(__file__).parent


def body(vector: Json) -> bytes:
    if "event" in vector:
        return json.dumps(vector["event"]).encode()
    if "body" in vector:
        return str(vector["body"]).encode("utf-8", "surrogatepass")
    if "base64" in vector:
        return base64.b64decode(vector["base64"])
    return "".join(part["text"] * part.get("times", 1) for part in vector["parts"]).encode()


def thread_ids(vector: Json) -> list[tuple[str, bool]]:
    is_for = vector.get("expect", {}).get("is_for", {})
    every = [(thread_id, True) for thread_id in is_for.get("yes", [])]
    every += [(thread_id, False) for thread_id in is_for.get("no", [])]
    # The program takes them as text between tabs.
    return [(thread_id, answer) for thread_id, answer in every if thread_id and "\t" not in thread_id]


def parts(event: Json, member: str) -> list[Json]:
    """The type or the delay of each response of each message."""
    return [
        [response.get(member) for response in message.get("responses") or []]
        for message in event["all_messages"]
    ]


def problems_of(vector: Json, event: Json, keys: dict[str, str]) -> list[str]:
    problems = []
    for member, expected in vector["expect"].items():
        match member:
            case "thread":
                actual = {"user": event["thread_user"], "channel": event["thread_channel"] or None}
                right = matches_thread(expected, actual)
            case "trace_id":
                actual = event["trace_id"] or None
                right = actual == (None if expected is None else str(expected))
            case "is_for":
                actual = event["is_for"]
                right = actual == [*[answer for _, answer in thread_ids(vector)], None]
            case "messages":
                actual = len(event["all_messages"])
                right = actual == expected
            case "dedupe_key":
                actual = event["dedupe_key"]
                right = bool(actual) == (expected == "present")
            case "same_dedupe_key_as" | "other_dedupe_key_than":
                actual = event["dedupe_key"]
                right = bool(actual) and (actual == keys[expected]) == (member == "same_dedupe_key_as")
            case "responses" | "delays":
                actual = parts(event, "type" if member == "responses" else "delay")
                right = compare.matches(expected, actual)
            case "originator" | "user" if expected is None:
                actual = event[member]
                right = actual is None
            case "thread_id" | "type" | "text":
                actual = event[member]
                right = actual == (expected or "")
            case "templates":
                # test_templates.py reads their fields.
                right = True
            case _:
                actual = event[member]
                right = actual is None if expected is None else compare.matches(expected, actual)
        if not right:
            problems.append(f"{vector['id']}: {member}: expected {expected!r}, got {actual!r}")
    return problems


def changed_documents(event: Json) -> list[Json]:
    """The documents that are not equal to one of the body that they were read from."""
    names = ("all_messages", "all_templates", "history", "business_hours")
    read = [document for name in names for document in event[name]]
    read += [event[name] for name in ("originator", "user") if event[name]]
    return compare.changed(read, json.loads(event["raw"]))


def matches_thread(expected: Json, actual: Json) -> bool:
    """In C a channel that is empty and one that is not there look the same."""
    return all((actual[part] or "") == (expected[part] or "") for part in expected)


def test_events(compile_c: Callable[..., Path], tmp_path: Path) -> None:
    vectors = json.loads((VECTORS / "events.json").read_text())
    assert len(vectors) > 100
    lines = []
    for number, vector in enumerate(vectors):
        (tmp_path / str(number)).write_bytes(body(vector))
        lines.append(
            "\t".join([str(tmp_path / str(number)), *[thread_id for thread_id, _ in thread_ids(vector)]])
        )
    # A tab ends the path, also where no thread id follows.
    given = "".join(f"{line}\n" if "\t" in line else f"{line}\t\n" for line in lines)
    program = compile_c(HERE / "events.c")
    done = subprocess.run([program], input=given.encode(), capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(events) == len(vectors)
    keys = {vector["id"]: event.get("dedupe_key", "") for vector, event in zip(vectors, events, strict=True)}
    problems = []
    for vector, event in zip(vectors, events, strict=True):
        if "error" in vector:
            problems += compare.error_problems(vector["error"], event.get("error", {"kind": "no error"}))
        elif "error" in event:
            problems.append(f"{vector['id']}: {event['error']}")
        else:
            problems += problems_of(vector, event, keys)
            problems += [f"{vector['id']}: changed: {document}" for document in changed_documents(event)]
    assert not problems, "\n".join(problems)


STRINGS = ("", "text", "card", "true", "600", "1e3", "\u00e9\u202e\U0001f600", "null", "a\nb", "x" * 300)
NUMBERS = (0, -1, 1, 2**53, 2**63 - 1, -(2**63), 2**64 - 1, 0.5, 1.0, 1e300, 5e-324, True, False, None)
NAMES = (
    "text",
    "title",
    "url",
    "buttons",
    "quickReplies",
    "media",
    "label",
    "value",
    "cards",
    "items",
    "lat",
    "x",
)
TYPES = (
    "text",
    "image",
    "card",
    "carousel",
    "list",
    "buttons",
    "event",
    "whatsapp_text",
    "sticker",
    "hologram",
)


def anything(chance: random.Random, depth: int) -> Json:
    kind = chance.randrange(10 if depth else 6)
    if kind < 3:
        return chance.choice(STRINGS)
    if kind < 6:
        return chance.choice(NUMBERS)
    if kind < 8:
        return [anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(NAMES): anything(chance, depth - 1) for _ in range(chance.randrange(6))}


def test_random_replies_come_back_as_they_were(compile_c: Callable[..., Path], tmp_path: Path) -> None:
    """Whatever a reply holds, the documents that are read from it are those that it was made of."""
    chance = random.Random(20261123)
    replies = []
    for number in range(500):
        parts = []
        for _ in range(chance.randrange(4)):
            payload = {chance.choice(NAMES): anything(chance, 3) for _ in range(5)}
            parts.append({"type": chance.choice(TYPES), "payload": payload})
        message = {"responses": parts, "fallback": chance.choice(STRINGS), "meta": {"x": anything(chance, 4)}}
        replies.append(message)
        body = json.dumps({"type": "message", "threadId": "t", "messages": [message]})
        (tmp_path / str(number)).write_text(body)
    given = "".join(f"{tmp_path / str(number)}\t\n" for number in range(len(replies)))
    program = compile_c(HERE / "events.c")
    done = subprocess.run([program], input=given.encode(), capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(events) == len(replies)
    for reply, event in zip(replies, events, strict=True):
        assert [compare.exactly(message) for message in event["all_messages"]] == [compare.exactly(reply)]
        parts = [compare.exactly(part) for part in reply["responses"]]
        assert [compare.exactly(part) for part in event["all_templates"]] == parts
