"""How webhooks are taken in web applications, for the type checkers: checked strictly and also run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import flowai
from flowai import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def build(verifier: flowai.Verifier, seen: list[str]) -> flowai.Webhook:
    webhook = flowai.Webhook(verifier=verifier, inbox=None, max_body=1 << 16)

    @webhook.on(EventKind.REPLY, EventKind.DELIVERED, "handover", 4)
    def reply(event: flowai.Event) -> str:
        seen.append(event.text)
        return event.text

    @webhook.fallback
    async def other(event: flowai.Event) -> None:
        seen.append(event.type)

    # They stay what they were.
    function: Callable[[flowai.Event], str] = reply
    assert function(flowai.parse_event('{"type": "message.reply", "threadId": "t"}')) == ""
    assert asyncio.iscoroutinefunction(other)
    return webhook


def take(webhook: flowai.Webhook, call: flowai.WebhookCall) -> int:
    answer: flowai.WebhookAnswer = webhook.handle(call.body, call.headers, method="POST")
    status, headers, body = answer
    assert headers["content-type"] == "application/json"
    assert isinstance(body, bytes)
    match asyncio.run(webhook.handle_async(call.body, {})):
        case flowai.WebhookAnswer(401, _, refusal):
            assert refusal
        case _:
            raise AssertionError("a call without a signature was taken")
    return status


def mount(webhook: flowai.Webhook) -> list[str]:
    lines: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        lines.extend([status, *(name for name, _ in headers)])

    list(webhook.wsgi({"REQUEST_METHOD": "GET"}, start_response))
    assert callable(webhook.asgi)
    return lines


def store(webhook: flowai.Webhook, folder: Path, verifier: flowai.Verifier, call: flowai.WebhookCall) -> int:
    with flowai.Inbox.open(folder / "webhook.db") as inbox:
        behind = flowai.Webhook(verifier=verifier, inbox=inbox)
        assert behind.handle(call.body, call.headers.items()).status == 200
        delivery = inbox.next(timeout=5)
        assert delivery is not None
        webhook.dispatch(delivery)
        asyncio.run(webhook.dispatch_async(delivery.event))
        delivery.ack()
        return inbox.stats().waiting


def verify(verifier: flowai.Verifier, call: flowai.WebhookCall) -> flowai.Event:
    pairs: list[tuple[str | bytes, str | bytes]] = [(name, value) for name, value in call.headers.items()]
    verifier.verify(call.body, pairs)
    verifier.verify(call.body, {name.encode(): value.encode() for name, value in call.headers.items()})
    return flowai.Verifier.any(verifier, flowai.Verifier.header("X-Key", "key")).unwrap(
        call.body, call.headers
    )


def main(folder: Path) -> list[str]:
    seen: list[str] = []
    with flowai.Sandbox() as sandbox:
        verifier = flowai.Verifier.jwt(sandbox.webhook_secret)
        webhook = build(verifier, seen)
        call: flowai.WebhookCall = sandbox.event(EventKind.REPLY, "Hello", thread_id="t")
        assert verify(verifier, call).text == "Hello"
        assert take(webhook, call) == 200
        assert mount(webhook)[0] == "200 OK"
        assert store(webhook, folder, verifier, call) == 0
        assert webhook.handle(*unknown(sandbox)).status == 200
    return seen


def unknown(sandbox: flowai.Sandbox) -> tuple[bytes, dict[str, str]]:
    call = sandbox.event("payment.failed", thread_id="t", amount=3)
    return call.body, call.headers
