"""How users write it, for the type checkers: this file is checked strictly and also run."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flowai
from flowai import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator


def names(client: flowai.Client, thread_id: str) -> Iterator[str]:
    for entry in client.iter_history(thread_id, limit=100):
        if entry.originator is not None and entry.originator.name is not None:
            yield entry.originator.name


def tell(done: int, total: int | None) -> None:
    print(f"{done} of {total}")


def describe(event: flowai.Event) -> str:
    match event:
        case flowai.Event(kind=EventKind.REPLY):
            return event.text
        case flowai.Event(thread_id=thread_id):
            return f"{event.type} in {thread_id}"
    return ""


def take(body: bytes) -> int:
    webhook = flowai.Webhook(verifier=None, inbox=None, max_body=1 << 16)

    @webhook.on(EventKind.REPLY, EventKind.DELIVERED)
    def reply(event: flowai.Event) -> str:
        return event.text

    @webhook.fallback
    async def other(event: flowai.Event) -> None:
        await webhook.dispatch_async(event)

    text: str = reply(flowai.parse_event(body))
    answer: flowai.WebhookAnswer = webhook.handle(body, {"x": text}, method="POST")
    status, headers, content = answer
    return status + len(headers) + len(content) if callable(webhook.wsgi) else 0


def send(client: flowai.Client, photo: Path) -> list[flowai.Receipt]:
    john = flowai.Originator("John", profile=flowai.Profile(full_name="John Doe", timezone=-5))
    receipts = [
        client.send_text("t", "Hello", originator=john, trace_id=7, lang="en", timeout=2.5),
        client.send_event("t", "MY_EVENT", originator="John", params={"size": [{"value": "XL"}]}),
        client.send_location(
            "t", 52.37, "4.89", title="Amsterdam", originator={"name": "John", "role": "external"}
        ),
        client.send_media("t", "https://example.com/a.png", media_type="image"),
        client.send("t", flowai.TextMessage("Hello", timezone=2)),
        client.send("t", {"type": "event", "eventName": "E"}),
        client.upload_media("t", photo, progress=tell, idle_timeout=5),
        client.upload_media("t", b"...", filename="a.bin", media_type="file"),
    ]
    with photo.open("rb") as file:
        receipts.append(client.upload_media("t", file))
    results = client.send_many([("t", "Hello"), ("t", flowai.EventMessage("E"))], concurrency=8)
    results.extend(client.iter_send_many(("t", text) for text in ("one", "two")))
    return [*receipts, *(result for result in results if isinstance(result, flowai.Receipt))]


def read(client: flowai.Client) -> tuple[int | None, bool | None, list[str | None]]:
    page: flowai.HistoryPage = client.history("t", page=1)
    paused: bool | None = client.bot_status("t").is_paused
    opening = [
        interval.from_
        for hours in client.business_hours()
        for day in hours.weekdays
        for interval in day.content
    ]
    return page.pages, paused, opening


def later(client: flowai.Client, hours: flowai.BusinessHours) -> list[str | None]:
    patient = client.with_options(timeout=60.0, max_retries=5, originator="John")
    reply: flowai.Reply = patient.ask("t", "Hello", timeout=10)
    labels = [answer.label for answer in reply.quick_replies]
    threads: list[str] = [*client.threads(page=1).threads, *client.iter_threads(limit=5)]
    opening = hours.next_opening(datetime(2026, 11, 23, 18, tzinfo=timezone.utc))
    if opening is not None and not hours.is_open(opening):
        threads.append(opening.isoformat())
    client.handover("t", seconds_to_pause=600)
    client.resolve("t", write_concern=True)
    john = flowai.Recipient("John", phone_number="+31612345678", profile=flowai.Profile(country="nl"))
    client.broadcast([john], flowai.Channel("whatsapp", "+31201234567"), "Hello")
    client.broadcast([{"name": "J", "identifier": "j"}], flowai.Channel("new", "1"), flowai.EventMessage("E"))
    names = [segment.name for segment in client.segments()]
    status: int = client.request("GET", "threads", query={"sync": True, "page": 1}).status
    return [*labels, *threads, *names, f"{status}", *(shown(part) for part in reply.templates)]


def known(event: flowai.Event, part: flowai.Template) -> list[str | None]:
    # What is known is completed; what is not is taken all the same.
    john = flowai.Originator("John", role="supervisor")
    roles: list[str | None] = [john.role, flowai.Originator("Jane", "moderator").role]
    channel = flowai.Channel("carrier_pigeon", "1")
    if event.type == "message.reply" or event.type == "payment.failed" or part.type == "new":
        roles.append(channel.channel_name)
    return roles


def shown(part: flowai.Template) -> str:
    match part:
        case flowai.TextTemplate(text=text):
            return text
        case flowai.CardTemplate(title=title, buttons=buttons):
            return f"{title}: {', '.join(button.label or '' for button in buttons)}"
        case flowai.ListTemplate(items=items):
            return "\n".join(item.title or "" for item in items)
        case _:
            pass
    return part.fallback or f"[{part.type}]"


def fail(client: flowai.Client) -> str | None:
    try:
        client.send_text("t", "Hello")
    except flowai.RateLimitError as error:
        wait: float | None = error.retry_after
        return f"{wait}"
    except flowai.FlowAIError as error:
        return error.delivery
    return None


def handle(delivery: flowai.Delivery) -> None:
    with delivery as same:
        event: flowai.Event = same.event
        if event.is_paused and not delivery.maybe_duplicate:
            delivery.retry(after=0.5 * delivery.attempt)


def keep(client: flowai.Client, folder: Path) -> list[str]:
    path = folder / "inbox.db"
    with flowai.Inbox.open(path, max_attempts=3, keep_dead=3600) as inbox:
        numbers: list[int] = [stored.id for stored in inbox.put(b'{"type": "message.reply"}')]
        with flowai.Receiver(inbox, verifier=None, health=None) as receiver:
            assert receiver.port
        inbox.handle(handle, workers=2, stop=lambda: inbox.stats().waiting == 0)
        for number in numbers:
            shown = inbox.show(number)
            numbers = [] if shown is None else inbox.replay(shown[0].id)
        delivery = inbox.next(timeout=0)
        states: list[str] = [entry.state for entry in inbox.list(limit=5)]
        assert delivery is not None
    with flowai.Outbox.open(folder / "outbox.db", client, on_ambiguous="repeat", max_age=60.0) as outbox:
        receipt: flowai.OutboxReceipt = outbox.send_text("t", "Hello", lang="en", expires_in=30)
        outbox.upload_media("t", b"...", filename="a.bin", keep="reference")
        assert outbox.flush(timeout=10) == 0
        for report in outbox.reports(timeout=0):
            if report.outcome == "sent" and isinstance(report.message, flowai.TextMessage):
                assert report.trace_id == receipt.trace_id
                states.append(report.message.text or "")
    return states


def main(photo: Path) -> str:
    seed: dict[str, Any] = {"segments": [{"id": "seg_1", "name": "Customers", "members": []}]}
    with flowai.Sandbox(bot="echo", speed=10.0, seed=seed) as sandbox, sandbox.client() as client:
        verifier = flowai.Verifier.any(
            flowai.Verifier.jwt(sandbox.webhook_secret), flowai.Verifier.body_key("k")
        )
        with flowai.Receiver(verifier=verifier, listen="127.0.0.1:0", path="/hook") as receiver:
            sandbox.set_webhook(receiver.url)
            assert all(receipt.status == "ok" for receipt in send(client, photo))
            assert len(list(names(client, "t"))) > 1
            assert read(client)[1] is False
            assert "Hello" in later(client, client.business_hours()[0])
            assert sandbox.thread_state("t") == "resolved"
            assert keep(client, photo.parent) == ["handled", "waiting", "Hello"]
            sandbox.fail_next(status=400, times=1)
            assert fail(client) is not None
            reply = receiver.wait(kind=EventKind.REPLY, thread_id="t", timeout=10)
            assert reply is not None
            assert receiver.wait(kind="reply", thread_id="other", timeout=0) is None
            assert f":{receiver.port}/" in receiver.url
            assert [entry.text for entry in client.history("t").entries]
            assert sandbox.wait_delivered(10.0)
            assert [attempt.status for attempt in sandbox.deliveries[0].attempts] == [200]
            assert sandbox.requests[0].method == "POST"
            return describe(reply)
