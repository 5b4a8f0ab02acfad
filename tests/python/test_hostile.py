"""Hostile thread ids, webhook bodies and headers: refused as documented, or harmless."""

from __future__ import annotations

import json
import random
import string
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

import flowai
from test_vectors import body
from vectors import load

IDS = 4000
BODIES = 6000

PIECES = [
    *[".", "..", "/", "//", "\\", "?", "#", "%", "%2f", "%2F", "%2e%2e", "%00", "%0d%0a", "&", "=", "+", ";"],
    *[":", "@", "|", "~", "-", "_", " ", "\t", "\r", "\n", "\r\nHost: evil.example", "\0", "\x1b[31m"],
    *["//evil.example/", "http://evil.example/", "@evil.example", ":80", "[::1]", "'", '"', "<script>", "{}"],
    *["é", "日本", "📦", "e\u0301", "\u200b", "\u2028", "\ufeff", "\u00a0", "\u00ad", "\ufffd", "\U0010ffff"],
    *["\x7f", "\x80", "\x85", "\x9f", "\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"],
    *["\ud800", "\udfff", "thread-1", "7c1f0c52-6d0e-4f0b-9a53-0d3f6a1b2c44", "a" * 300],
]
BIDI = {"\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


def thread_ids() -> list[str]:
    chance = random.Random(20240817)
    ids = ["", ".", "..", "...", " ", "/", "a" * 1024, "a" * 1025, "ß" * 512, "ß" * 513, *PIECES]
    # Harmless characters alone, at the edge of the length too.
    harmless = string.ascii_letters + string.digits + "/?#%|. é日📦"
    while len(ids) < IDS:
        length = chance.choice([1, 2, 3, 8, 60, 340, 1024])
        match chance.randrange(4):
            case 0:
                ids.append("".join(chance.choice(PIECES) for _ in range(chance.randint(1, 6))))
            case 1:
                ids.append("".join(chance.choice(harmless) for _ in range(length)))
            case 2:
                ids.append("".join(chr(chance.randrange(0x20, 0x300)) for _ in range(length)))
            case _:
                ids.append("".join(chr(chance.randrange(0x110000)) for _ in range(min(length, 8))))
    return ids


def is_refused(thread_id: str) -> bool:
    """Whether the id must be refused, by the words of the documentation."""
    try:
        size = len(thread_id.encode())
    except UnicodeEncodeError:
        return True
    return (
        thread_id in ("", ".", "..")
        or size > 1024
        or any(unicodedata.category(c) == "Cc" or c in BIDI for c in thread_id)
    )


CALLS: dict[str, Callable[[flowai.Client, str], Any]] = {
    "send_text": lambda client, thread_id: client.send_text(thread_id, "Hello"),
    "send": lambda client, thread_id: client.send(thread_id, {"type": "event", "eventName": "E"}),
    "upload_media": lambda client, thread_id: client.upload_media(thread_id, b"x", filename="x.bin"),
    "history": lambda client, thread_id: client.history(thread_id, page=2),
    "iter_history": lambda client, thread_id: next(client.iter_history(thread_id), None),
    "pause": lambda client, thread_id: client.pause(thread_id),
    "bot_status": lambda client, thread_id: client.bot_status(thread_id),
    "request_history": lambda client, thread_id: client.request_history(thread_id),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_thread_id_is_one_segment_or_refused(name: str) -> None:
    make = CALLS[name]
    ids = thread_ids() if name == "send_text" else thread_ids()[:: len(CALLS)]
    problems = []
    with flowai.Sandbox(bot="none") as sandbox, sandbox.client(max_retries=0) as client:
        make(client, "PLAIN")
        (plain,) = sandbox.requests
        before, after = plain.path.split("PLAIN")
        accepted = []
        for thread_id in ids:
            try:
                make(client, thread_id)
                accepted.append(thread_id)
            except flowai.InvalidArgumentError as error:
                if not is_refused(thread_id):
                    problems.append(f"{thread_id!r} was refused: {error}")
                if error.argument != "thread_id":
                    problems.append(f"{thread_id!r}: the argument is called {error.argument}")
            except flowai.FlowAIError as error:
                problems.append(f"{thread_id!r}: {error!r}")
            else:
                if is_refused(thread_id):
                    problems.append(f"{thread_id!r} was accepted")
        requests = sandbox.requests[1:]
    assert len(accepted) > len(ids) / 5
    assert len(accepted) < len(ids) * 4 / 5
    assert not problems, "\n".join(problems[:20])
    assert len(requests) == len(accepted)
    for thread_id, request in zip(accepted, requests, strict=True):
        segment = request.path.removeprefix(before).removesuffix(after)
        assert request.path == f"{before}{segment}{after}", thread_id
        assert "/" not in segment, thread_id
        assert unquote_to_bytes(segment).decode() == thread_id
        allowed = set(string.ascii_letters + string.digits + "-._~%")
        assert set(segment) <= allowed, thread_id
        assert (request.method, request.query) == (plain.method, plain.query), thread_id
        assert request.headers["host"] == plain.headers["host"], thread_id


def mutated(chance: random.Random, good: bytes) -> bytes:
    """The body with a few bytes changed, cut, doubled or put elsewhere."""
    bad = bytearray(good)
    for _ in range(chance.randint(1, 4)):
        place, other = chance.randrange(len(bad) + 1), chance.randrange(len(bad) + 1)
        match chance.randrange(5):
            case 0:
                bad[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                bad[place:other] = b""
            case 2:
                bad[place:place] = bad[other : other + 20]
            case 3:
                bad[place:place] = chance.choice(
                    [b"{", b"}", b"[", b"]", b'"', b"\\u", b",", b":", b"\xff", b"0"]
                )
            case _:
                bad[place:place] = chance.choice([b"1e999", b"null", b'"type":1,', b"\\ud800", b"\x00", b"-"])
    return bytes(bad)


def bodies() -> list[bytes]:
    chance = random.Random(7)
    good = [raw for vector in load("events") if len(raw := body(vector)) < 5000]
    made = [mutated(chance, chance.choice(good)) for _ in range(BODIES)]
    depth = 100_000
    made += [b"", b"\x00", b"{" * depth, b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth]
    made += [b'{"type":"' + b"x" * 1_000_000, b"{" + b" " * (17 * 1024 * 1024) + b"}", b"\xef\xbb\xbf{}"]
    return made


def read_all(event: flowai.Event) -> None:
    """Every accessor, of the event and of what is in it."""
    for name in dir(event):
        if not name.startswith("_"):
            value = getattr(event, name)
            if name in ("messages", "history", "business_hours"):
                for item in value:
                    read_model(item)
    assert isinstance(event.is_for("thread-1"), bool)
    assert isinstance(event.is_for("thread-1|x"), bool)
    assert isinstance(hash(event), int)
    assert repr(event)
    assert event == flowai.parse_event(event.raw)


def read_model(model: Any) -> None:
    assert repr(model)
    json.dumps(model.to_dict())
    for name in type(model).__match_args__:
        value = getattr(model, name)
        for item in value if isinstance(value, tuple) else [value]:
            if hasattr(item, "to_dict"):
                read_model(item)


def test_hostile_bodies_raise_nothing_but_parse_errors() -> None:
    parsed = refused = 0
    for raw in bodies():
        for parse in (flowai.parse_event, flowai.parse_events):
            try:
                found = parse(raw)
            except flowai.WebhookParseError:
                refused += 1
            else:
                parsed += 1
                for event in found if isinstance(found, list) else [found]:
                    read_all(event)
    assert parsed > 500
    assert refused > 500


def test_text_that_is_no_unicode_is_a_parse_error() -> None:
    for text in ('{"type": "\ud800"}', "\udfff", '{"\ud800": 1}'):
        with pytest.raises(flowai.WebhookParseError):
            flowai.parse_event(text)


@pytest.mark.parametrize("wrong", [None, 1, 1.5, [], {}, object(), ["{}"], iter(b"{}")])
def test_a_body_of_the_wrong_type_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="body"):
        flowai.parse_event(wrong)
    with pytest.raises(TypeError, match="body"):
        flowai.Verifier.body_key("x" * 32).verify(wrong, {})


def verifiers() -> list[flowai.Verifier]:
    secret = "a secret that nobody guesses, of many bytes"
    all_of_them = [
        flowai.Verifier.jwt(secret),
        flowai.Verifier.jwt([secret, secret + "2"], require_exp=True, leeway=0),
        flowai.Verifier.header("x-secret", secret),
        flowai.Verifier.body_key(secret),
    ]
    return [*all_of_them, flowai.Verifier.any(*all_of_them)]


def token(chance: random.Random) -> str:
    """Something like a JSON Web Token, or like nothing."""
    alphabet = string.ascii_letters + string.digits + "-_=+/. \t\r\n\0é\ud800📦"
    parts = ["".join(chance.choice(alphabet) for _ in range(chance.randrange(40))) for _ in range(3)]
    # {"alg":"none"}, {"alg":"HS256"}, and {"alg":"HS256","crit":["x"]}
    known = ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsieCJdfQ"]
    if chance.random() < 0.5:
        parts[0] = chance.choice(known)
    if chance.random() < 0.5:
        parts[1] = chance.choice(["e30", "eyJleHAiOjFlOTk5fQ", "bnVsbA", ""])
    return chance.choice(["", "Bearer ", "bearer ", "Basic "]) + ".".join(parts[: chance.randint(0, 3)])


def headers(chance: random.Random) -> Any:
    names = [
        "Authorization",
        "authorization",
        "x-access-token",
        "X-Secret",
        "",
        "é",
        "\ud800",
        "\0",
        "x" * 9999,
    ]
    pairs: list[tuple[Any, Any]] = []
    for _ in range(chance.randrange(6)):
        name, value = chance.choice(names), token(chance)
        if chance.random() < 0.5:
            pairs.append((name.encode("utf-8", "replace"), value.encode("utf-8", "replace")))
        else:
            pairs.append((name, value))
    forms: list[Callable[[Any], Any]] = [list, tuple, dict, iter]
    return chance.choice(forms)(pairs)


def test_hostile_headers_and_bodies_raise_nothing_but_verification_errors() -> None:
    chance = random.Random(11)
    raws = bodies()
    strict = verifiers()
    for _ in range(BODIES):
        raw, given = chance.choice(raws[:BODIES]), headers(chance)
        with pytest.raises(flowai.WebhookVerificationError):
            chance.choice(strict).verify(raw, given)
    for raw in raws[BODIES:]:
        for verifier in strict:
            with pytest.raises(flowai.WebhookVerificationError):
                verifier.verify(raw, {})
            with pytest.raises(flowai.WebhookVerificationError):
                verifier.unwrap(raw, {})
    with pytest.raises(flowai.WebhookVerificationError):
        strict[0].verify(b"{}", {"Authorization": "Bearer " + "a" * 5_000_000})


@pytest.mark.parametrize(
    "wrong",
    [None, 1, ["x"], [("a",)], [("a", "b", "c")], {"a": 1}, {1: "a"}, [(None, "x")], {"a": None}, object()],
)
def test_headers_of_the_wrong_type_are_a_type_error(wrong: Any) -> None:
    for verifier in verifiers():
        with pytest.raises(TypeError, match="headers"):
            verifier.verify(b"{}", wrong)


def test_headers_that_fail_while_they_are_read_pass_their_own_error_on() -> None:
    def broken() -> Any:
        yield "a", "b"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        verifiers()[0].verify(b"{}", broken())
