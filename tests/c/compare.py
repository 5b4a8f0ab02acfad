"""Compares what a program printed with what a vector expects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Json = Any

KINDS: dict[str, Any] = {
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "anything": lambda value: True,
}


def matches(expected: Json, actual: Json) -> bool:
    """Members that are not given are not compared; null is the same as absent."""
    if isinstance(expected, dict):
        match next(iter(expected.items()), None):
            case ("$any", kind):
                return bool(KINDS[kind](actual))
            case ("$one_of", values):
                return any(matches(value, actual) for value in values)
            case ("$contains", text):
                return isinstance(actual, str) and text in actual
            case ("$starts_with", text):
                return isinstance(actual, str) and actual.startswith(text)
            case ("$optional", value):
                return actual is None or matches(value, actual)
        return isinstance(actual, dict) and all(
            matches(value, actual.get(key)) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(expected)
            and all(matches(*pair) for pair in zip(expected, actual, strict=True))
        )
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    return bool(expected == actual)


def documents_of(value: Json) -> Iterator[Json]:
    """Every object inside a document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from documents_of(inner)


def exactly(value: Json) -> str:
    """A form in which documents are equal that are equal as JSON, numbers in their kind too."""
    return json.dumps(value, sort_keys=True)


def changed(read: list[Json], came: Json) -> list[Json]:
    """The documents that were read and are not equal to any inside what came."""
    every = {exactly(document) for document in documents_of(came)}
    return [document for document in read if exactly(document) not in every]


def absent_if_empty(document: dict[str, Json], *names: str) -> dict[str, Json]:
    """In C a text that is not there is an empty one."""
    return document | {name: document[name] or None for name in names if name in document}


def error_problems(expected: dict[str, Json], actual: dict[str, Json]) -> list[str]:
    problems = []
    for name, value in expected.items():
        found = actual.get(name)
        names = value if isinstance(value, list) else [value]
        match name:
            case "kind":
                right = found in names
            case "argument":
                right = any(found == wanted or str(found).startswith(f"{wanted}.") for wanted in names)
            case "message_contains":
                right = value in actual["message"]
            case "must_not_contain":
                right = not any(value in text for text in actual.values() if isinstance(text, str))
            case "retry_after":
                wait = actual["retry_after_ms"]
                right = (wait is None and value is None) or (wait is not None and wait == value * 1000)
            case "server_message" | "request_id":
                right = (found or None) == value
            case _:
                right = matches(value, found)
        if not right:
            problems.append(f"{name}: expected {value!r}, got {found!r} in {actual}")
    return problems


def reply(document: dict[str, Json]) -> dict[str, Json]:
    """A reply in the form of the vectors."""
    messages = document["all_messages"]
    return document | {
        "messages": len(messages),
        "responses": [[part.get("type") for part in message.get("responses") or []] for message in messages],
        "quick_replies": [quick_reply.get("label") for quick_reply in document["all_quick_replies"]],
    }


def named(op: str, result: Json) -> Json:
    """The result of a call that was made by its name, in the form in which it is printed by all others."""
    if op == "ask":
        both = {"all_messages": result["messages"], "all_quick_replies": result["quick_replies"]}
        return result | both
    return result


def response(document: dict[str, Json]) -> dict[str, Json]:
    """The body of a response as JSON, if it is that."""
    try:
        return document | {"json": json.loads(document["body"])}
    except ValueError:
        return document | {"json": None}


FORMS = {"ask": reply, "request": response}


def result_problems(vector: dict[str, Json], printed: dict[str, Json]) -> list[str]:
    """What is wrong with one line of a program."""
    expected = vector.get("error")
    if "error" in printed:
        return error_problems(expected, printed["error"]) if expected else [f"failed: {printed['error']}"]
    if expected:
        return [f"expected {expected}, got {printed['ok']}"]
    result = printed["ok"]
    result = FORMS.get(vector["call"]["op"], lambda document: document)(result)
    if isinstance(result, dict):
        result = absent_if_empty(result, "thread_id", "request_id")
    return [] if matches(vector.get("result"), result) else [f"expected {vector.get('result')}, got {result}"]
