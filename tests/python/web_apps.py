"""Applications for the tests of webhooks, run by real servers.

WEB_LOG is a file that gets a line for each event that is handled. WEB_INBOX is the path of an inbox, with
`own:` before it if the application is to open it itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any

import flowai
from conftest import SECRET
from flowai import Event, EventKind

LOG = os.environ.get("WEB_LOG", os.devnull)
PLACE = os.environ.get("WEB_INBOX", "")

inbox: flowai.Inbox | str | None = PLACE or None
if PLACE.startswith("own:"):
    inbox = flowai.Inbox.open(PLACE.removeprefix("own:"))

webhook = flowai.Webhook(verifier=flowai.Verifier.jwt(SECRET), inbox=inbox)
asgi, wsgi = webhook.asgi, webhook.wsgi


def note(*words: object) -> None:
    # One write, so that it is there whole or not at all.
    line = " ".join(map(str, (os.getpid(), *words))) + "\n"
    with open(LOG, "ab", buffering=0) as file:
        file.write(line.encode())


@webhook.on(EventKind.REPLY)
def reply(event: Event) -> None:
    if event.text == "fail":
        raise ZeroDivisionError("on purpose")
    if event.text == "slow":
        time.sleep(1)
    note("reply", event.thread_id, event.text)


@webhook.on(EventKind.PAUSED, EventKind.RESUMED)
async def status(event: Event) -> None:
    import asyncio

    await asyncio.sleep(0)
    if event.thread_id == "fail":
        raise LookupError("on purpose")
    note(event.kind.name.lower(), event.thread_id)


@webhook.fallback
def other(event: Event) -> None:
    note("other", event.type)


# What a master of gunicorn has before it forks.
client = flowai.Client() if "FLOWAI_API_KEY" in os.environ else None
if client is not None:
    client.send_text("master", f"from {os.getpid()}")


def preloaded(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Send with a client from before the fork, or take a webhook call."""
    path = environ["PATH_INFO"]
    if path == "/webhook":
        return wsgi(environ, start_response)
    assert client is not None
    thread_id = path.removeprefix("/send/")
    receipt = client.send_text(thread_id, f"from {os.getpid()}")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {os.getppid()} {receipt.trace_id}".encode()]
