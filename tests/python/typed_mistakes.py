# pyright: reportUnnecessaryTypeIgnoreComment=true
# What follows from a mistake is none of its own.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What type checkers have to refuse. It is only checked, never run.

Each line with a mistake says what mypy and pyright call it; both report a line that has none, and a mistake
that no line announces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import flowai
from flowai import EventKind

if TYPE_CHECKING:
    from pathlib import Path


def clients(client: flowai.Client) -> None:
    flowai.Client("key", "http://127.0.0.1/")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    flowai.Client("key", timeout="30")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    flowai.Client("key", metadata_form="new")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    flowai.Client("key", retries=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.base_url = "http://127.0.0.1/"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    client.with_options(api_key="other")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def sends(client: flowai.Client, photo: Path) -> None:
    client.send_text("t")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.send_text(3, "Hello")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.send_text("t", b"Hello")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.send_text("t", "Hello", "John")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.send_text("t", "Hello", originator=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.send_text("t", "Hello", trace_id="7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.send_text("t", "Hello", write_concern="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.send_text("t", "Hello", expires_in=30)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.send_media("t", "https://example.com/a.png")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.send_media("t", "https://example.com/a.png", media_type="picture")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.send("t", "Hello")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.send("t", flowai.Profile())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.upload_media("t", 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.upload_media("t", photo.open())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.upload_media("t", photo, progress=print_nothing)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.send_many(["Hello"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    client.send_many([("t", "Hello")], concurrency="8")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.broadcast("John", flowai.Channel("whatsapp", "1"), "Hello")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def print_nothing() -> None:
    pass


def answers(client: flowai.Client) -> None:
    receipt = client.send_text("t", "Hello")
    receipt.status = "ok"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    print(receipt.thread)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    number: int = receipt.thread_id  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    page: str = client.history("t", page=1).page  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    client.history("t", page="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    for result in client.send_many([("t", "Hello")]):
        print(result.thread_id)  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]
    paused: bool = client.bot_status("t").is_paused  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    client.iter_threads(page=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    for thread in client.iter_threads():
        print(thread.title)
    print(number, page, paused)


async def awaited(client: flowai.AsyncClient) -> None:
    print(client.send_text("t", "Hello").status)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    for entry in client.iter_history("t"):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        print(entry)
    with client:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    async with flowai.AsyncInbox.open("inbox.db") as inbox:
        await inbox.handle(lambda delivery: delivery.id)  # type: ignore[arg-type,return-value]  # pyright: ignore[reportArgumentType]
        for delivery in inbox:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
            print(delivery)
    outbox: flowai.AsyncOutbox = flowai.AsyncOutbox.open("outbox.db", client)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    await client.send_many(["Hello"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    print(outbox)


def received(client: flowai.Client) -> None:
    flowai.Receiver()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    flowai.Receiver(verifier="secret")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    flowai.Receiver("inbox.db", verifier=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    flowai.Verifier.any("secret")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    flowai.Webhook()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    flowai.Webhook(verifier=None).on(EventKind.REPLY)(print_nothing)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    flowai.Inbox("inbox.db")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    flowai.Inbox.open("inbox.db").list(state="new")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    flowai.Outbox.open("outbox.db", client, on_ambiguous="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    flowai.Event(type="message.reply")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    flowai.parse_event({"type": "message.reply"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    if flowai.parse_event("{}").kind == "reply":  # type: ignore[comparison-overlap]  # pyright: ignore[reportUnnecessaryComparison]
        pass
    print(EventKind.NONSENSE)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def values(template: flowai.Template) -> None:
    flowai.TextMessage()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    flowai.TextMessage("Hello").text = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    flowai.Channel("whatsapp")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    flowai.Originator("John", "moderator", "profile")  # type: ignore[arg-type,call-arg]  # pyright: ignore[reportCallIssue]
    flowai.Profile("John Doe")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    match template:
        case flowai.TextTemplate(a, b, c, d, e, f, g, h):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
            print(a, b, c, d, e, f, g, h)
        case _:
            pass


def sandboxes(sandbox: flowai.Sandbox) -> None:
    flowai.Sandbox(bot="parrot")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sandbox.reply("hello", "Hi", then="end")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sandbox.reply(3, "Hi")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sandbox.fail_next(connection="lost")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sandbox.fail_next("503")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    print(sandbox.requests[0].json)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    print(sandbox.deliveries[0].attempts[0].state)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def subclass() -> None:
    class Mine(flowai.Inbox):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
        pass

    print(Mine)
