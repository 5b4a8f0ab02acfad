"""A FastAPI application that passes on what people say to a bot, and shows them what it replies.

Set FLOWAI_API_KEY and FLOWAI_WEBHOOK_SECRET, and FLOWAI_BASE_URL to talk to something else than the
service, then run
uvicorn fastapi_app:app
The webhook is at /webhook. What was said is in memory, so this is one process.
"""

import os
from collections import defaultdict

from fastapi import FastAPI
from starlette.routing import Route

import flowai

client = flowai.AsyncClient()
webhook = flowai.Webhook(verifier=flowai.Verifier.jwt(os.environ["FLOWAI_WEBHOOK_SECRET"]))
app = FastAPI(routes=[Route("/webhook", webhook.asgi)])
conversations: dict[str, list[str]] = defaultdict(list)


@app.post("/{thread_id}")
async def say(thread_id: str, text: str) -> None:
    """Send something to the bot."""
    await client.send_text(thread_id, text)


@app.get("/{thread_id}")
async def read(thread_id: str) -> list[str]:
    """Show what the bot has said."""
    return conversations[thread_id]


@webhook.on(flowai.EventKind.REPLY)
async def reply(event: flowai.Event) -> None:
    """Keep what the bot says. An exception here has Flow.ai repeat the call."""
    conversations[event.thread_id].append(event.text)
