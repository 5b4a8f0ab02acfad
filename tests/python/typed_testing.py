"""How programs are tested and watched, for the type checkers: this file is checked strictly and also run."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

import flowai
from flowai import EventKind

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.flowai_sandbox(bot="none", speed=1000.0)
def test_a_program(flowai_sandbox: flowai.Sandbox, flowai_client: flowai.Client) -> None:
    script(flowai_sandbox)
    assert flowai_client.ask("t", "hello").text == "Hi there!"
    assert journal(flowai_sandbox)[0].startswith("POST ")


@pytest.mark.asyncio
async def test_an_asynchronous_program(
    flowai_sandbox: flowai.Sandbox, flowai_async_client: flowai.AsyncClient
) -> None:
    script(flowai_sandbox)
    assert (await flowai_async_client.ask("t", "hello")).text == "Hi there!"


def script(sandbox: flowai.Sandbox) -> None:
    # The last rule that fits wins.
    sandbox.reply(None, "What?", then="handover")
    sandbox.reply("hello", "Hi there!", quick_replies=["Yes", flowai.QuickReply("No", value="no")])
    sandbox.reply(re.compile("^order"), ["One moment.", flowai.TextTemplate("It is on its way.")], times=2)
    sandbox.reply(flowai.EventMessage("INTRO"), {"type": "text", "payload": {"text": "Welcome"}})
    sandbox.reply_in_turn("ping", "pong", ["ping", "pong"])
    sandbox.add_rules([{"text": "bye", "replies": [{"type": "text", "payload": {"text": "Bye!"}}]}])


def journal(sandbox: flowai.Sandbox) -> list[str]:
    lines = [request_line(request) for request in sandbox.requests]
    for delivery in sandbox.deliveries:
        attempts: tuple[flowai.DeliveryAttempt, ...] = delivery.attempts
        kind: object = delivery.event.get("type")
        lines.append(f"{kind} {delivery.state} {[attempt.status or attempt.error for attempt in attempts]}")
    return lines


def request_line(request: flowai.RecordedRequest) -> str:
    file: flowai.UploadedFile | None = request.file
    size: int = request.body_length if file is None else file.length
    return f"{request.method} {request.path} {request.headers.get('host', '')} {size} {request.status}"


def upset(sandbox: flowai.Sandbox, client: flowai.Client) -> list[str]:
    sandbox.fail_next(429, retry_after=60)
    sandbox.fail_next(503, 2, body=b"busy", processed=True)
    sandbox.fail_next(connection="reset")
    told: list[str] = []
    for _ in range(4):
        try:
            client.send_text("t", "hello")
        except flowai.RateLimitError as error:
            told.append(f"{error.delivery} {error.retry_after}")
        except flowai.APIStatusError as error:
            status: int | None = error.status
            told.append(f"{error.delivery} {status} {error.body}")
        except flowai.FlowAIError as error:
            told.append(f"{error.delivery}")
    return told


class Records(logging.Handler):
    """Keeps the records, whose facts are attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[object] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.operations.append(getattr(record, "operation", None))


def main(photo: Path) -> list[str]:
    records = Records()
    log = logging.getLogger("flowai.client")
    log.addHandler(records)
    log.setLevel(logging.DEBUG)
    seed: dict[str, Any] = {"segments": [{"id": "seg_1", "name": "Customers", "members": []}]}
    try:
        with flowai.Sandbox(bot=None, seed=seed) as sandbox, sandbox.client(max_retries=0) as client:
            script(sandbox)
            assert client.ask("t", "hello").quick_replies[1].value == "no"
            client.upload_media("t", photo, filename="photo.png")
            pushed: flowai.WebhookCall = sandbox.event(EventKind.PAUSED, thread_id="t")
            sandbox.push(pushed.event)
            assert len(journal(sandbox)) == len(sandbox.requests) + len(sandbox.deliveries)
            told = upset(sandbox, client)
    finally:
        log.removeHandler(records)
        log.setLevel(logging.NOTSET)
    assert "send_text" in records.operations
    return told
