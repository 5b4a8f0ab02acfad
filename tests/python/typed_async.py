"""How users of asyncio write it, for the type checkers: this file is checked strictly and also run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import flowai
from flowai import EventKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


async def texts(count: int) -> AsyncIterator[tuple[str, str]]:
    for number in range(count):
        yield f"thread-{number}", "Hello"
        await asyncio.sleep(0)


async def pieces() -> AsyncIterator[bytes]:
    yield b"not "
    yield b"really"


def tell(done: int, total: int | None) -> None:
    assert total is None or done <= total


async def send(client: flowai.AsyncClient, photo: Path) -> list[str]:
    john = flowai.Originator("John", profile=flowai.Profile(full_name="John Doe"))
    receipt: flowai.Receipt = await client.send_text("t", "Hello", originator=john, lang="en", timeout=2.5)
    receipts = [
        receipt,
        await client.send_location("t", 52.37, "4.89", title="Amsterdam"),
        await client.send_media("t", "https://example.com/a.png", media_type="image"),
        await client.send("t", flowai.EventMessage("INTRO")),
        await client.upload_media("t", photo, progress=tell),
        await client.upload_media("t", pieces(), filename="a.bin", media_type="file"),
    ]
    two = await asyncio.gather(client.pause("t"), client.resume("t"))
    task: asyncio.Task[flowai.BotStatus] = asyncio.create_task(client.bot_status("t"))
    assert (await task).is_paused is False
    return [receipt.status for receipt in (*receipts, *two)]


async def send_many(client: flowai.AsyncClient) -> int:
    results: list[flowai.Receipt | flowai.FlowAIError] = await client.send_many(texts(3), concurrency=2)
    results += await client.send_many([("t", flowai.TextMessage("Hello"))], skip_after_failure=True)
    async for result in client.iter_send_many(texts(2)):
        results.append(result)
    async for result in client.iter_send_many((f"thread-{n}", "Hello") for n in range(2)):
        results.append(result)
    return sum(not isinstance(result, flowai.FlowAIError) for result in results)


async def read(client: flowai.AsyncClient) -> list[str]:
    page: flowai.HistoryPage = await client.history("t", page=1)
    names = [entry.originator.name or "" for entry in page.entries if entry.originator is not None]
    entries: flowai.AsyncHistoryIterator = client.iter_history("t", limit=3)
    names += [entry.text async for entry in entries]
    async for thread_id in client.iter_threads(limit=2):
        names.append(thread_id)
    patient: flowai.AsyncClient = client.with_options(timeout=60.0)
    reply: flowai.Reply = await patient.ask("t", "Hello", timeout=10)
    response: flowai.Response = await client.request("GET", "threads", query={"sync": True})
    assert response.status == 200
    return [*names, reply.text]


async def handle(delivery: flowai.AsyncDelivery) -> None:
    event: flowai.Event = delivery.event
    if event.is_paused and not delivery.maybe_duplicate:
        await delivery.retry(after=0.5 * delivery.attempt)


async def keep(client: flowai.AsyncClient, folder: Path) -> list[str]:
    states: list[str] = []
    async with flowai.AsyncInbox.open(folder / "inbox.db", max_attempts=3) as inbox:
        stored: list[flowai.StoredEvent] = await inbox.put(b'{"type": "message.reply", "threadId": "t"}')
        delivery = await inbox.next(timeout=5)
        assert delivery is not None
        async with delivery as same:
            assert same.id == stored[0].id
        replayed: list[int] = await inbox.replay(stored[0].id)
        assert len(replayed) == 1
        finished = asyncio.Event()
        handling = asyncio.ensure_future(inbox.handle(handle, workers=2, stop=finished.is_set))
        while (await inbox.stats()).waiting:
            await asyncio.sleep(0.01)
        finished.set()
        await handling
        entries: list[flowai.InboxEntry] = await inbox.list(state="handled", limit=5)
        states += [entry.state for entry in entries]
    outbox: flowai.AsyncOutbox = await flowai.AsyncOutbox.open(folder / "outbox.db", client)
    async with outbox:
        receipt: flowai.OutboxReceipt = await outbox.send_text("t", "Hello", expires_in=30)
        assert await outbox.flush(timeout=10) == 0
        async for report in outbox.reports(timeout=0):
            assert report.trace_id == receipt.trace_id
            states.append(report.outcome)
    return states


async def listen(sandbox: flowai.Sandbox, client: flowai.AsyncClient) -> str:
    verifier = flowai.Verifier.jwt(sandbox.webhook_secret)
    async with flowai.AsyncReceiver(verifier=verifier, path="/hook") as receiver:
        sandbox.set_webhook(receiver.url)
        await client.send_text("listening", "Hello")
        found = await receiver.wait(kind=EventKind.REPLY, thread_id="listening", timeout=10)
        assert found is not None
        await client.send_text("listening", "Again")
        async for event in receiver:
            if event.kind is EventKind.REPLY:
                return f"{found.text}, {event.text}"
    return ""


async def work(photo: Path) -> str:
    with flowai.Sandbox() as sandbox:
        async with sandbox.async_client() as client:
            assert set(await send(client, photo)) == {"ok"}
            assert await send_many(client) == 8
            assert "Hello" in await read(client)
            assert await keep(client, photo.parent) == ["handled", "handled", "sent"]
            return await listen(sandbox, client)


def main(photo: Path) -> str:
    return asyncio.run(work(photo))
