"""How the arguments of the vectors are passed in C."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, NamedTuple

Json = Any


class Passed(NamedTuple):
    """The lines that declare an argument, the conditions that make it, and what is passed."""

    lines: list[str]
    conditions: list[str]
    passed: str


def literal(text: str | bytes) -> str:
    """A string literal, in octal wherever C could read something else."""
    data = text.encode() if isinstance(text, str) else text
    plain = set(
        b" !#$%&'()*+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
    )
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in data) + '"'


def call_text(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"numbered({literal(text)}, n)" if "${n}" in text else literal(text)


def plain(expression: str) -> Passed:
    return Passed([], [], expression)


def text(value: Json) -> Passed:
    return plain("NULL" if value is None else call_text(value))


def number(value: Json) -> Passed:
    return plain("FLOWAI_NONE" if value is None else str(value))


def truth(value: Json) -> Passed:
    return plain("true" if value else "false")


def file(value: dict[str, Json]) -> Passed:
    """The content of an upload."""
    if "fill" in value:
        size = int(value["fill"])
        lines = [f"char *file = malloc({size} + 1);", f"memset(file, 'x', {size});"]
        return Passed(lines, [], f"file, {size}")
    data = base64.b64decode(value["base64"]) if "base64" in value else str(value["text"]).encode()
    return plain(f"{literal(data)}, {len(data)}")


def message(value: Json) -> Passed:
    made = f"flowai_message_json({call_text(value)}, &error, &message) == FLOWAI_OK"
    return Passed(["flowai_message message = {0};"], [made], "message")


def people(kind: str) -> Callable[[Json], Passed]:
    def audience(value: list[Json]) -> Passed:
        conditions = ["flowai_audience_new(&error, &audience) == FLOWAI_OK"]
        conditions += [
            f"flowai_audience_add_{kind}_json(audience, {literal(json.dumps(item))}, &error) == FLOWAI_OK"
            for item in value
        ]
        return Passed(["flowai_audience audience = {0};"], conditions, "audience")

    return audience


def channel(value: dict[str, Json]) -> Passed:
    return plain(", ".join(text(value.get(name)).passed for name in ("channelName", "externalId")))


def query(value: dict[str, Json] | None) -> Passed:
    if not value:
        return plain("NULL, 0")
    pairs = [
        f"{{{literal(name)}, {literal(part if isinstance(part, str) else json.dumps(part))}}}"
        for name, part in value.items()
    ]
    return Passed([f"flowai_pair query[] = {{{', '.join(pairs)}}};"], [], f"query, {len(pairs)}")


def document(value: Json) -> Passed:
    return plain("NULL" if value is None else call_text(json.dumps(value)))


KINDS: dict[str, Callable[[Json], Passed]] = {
    "page": number,
    "limit": number,
    "seconds_to_pause": number,
    "events": truth,
    "write_concern": truth,
    "file": file,
    "message": message,
    "audience": people("recipient"),
    "segments": people("segment"),
    "channel": channel,
    "query": query,
    "json": document,
}


def pass_argument(name: str, value: Json) -> Passed:
    return KINDS.get(name, text)(value)
