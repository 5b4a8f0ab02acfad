"""A Starlette application that loses no event of a bot: they are on the disk before a call is acknowledged.

Set FLOWAI_WEBHOOK_SECRET, and FLOWAI_INBOX to the path of a file, then run
uvicorn starlette_app:app
The webhook is at /webhook/. Events are handled in threads of the same process; kill it at any time: what was
not handled is handled when it runs again.
"""

import contextlib
import os
import threading
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.routing import Mount

import flowai

inbox = flowai.Inbox.open(os.environ["FLOWAI_INBOX"])
webhook = flowai.Webhook(verifier=flowai.Verifier.jwt(os.environ["FLOWAI_WEBHOOK_SECRET"]), inbox=inbox)


@webhook.on(flowai.EventKind.REPLY)
def reply(event: flowai.Event) -> None:
    """Handle what the bot says. An exception here has it handled again later."""
    print(f"{event.thread_id}: {event.text}", flush=True)


@contextlib.asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    """Handle events while the application runs."""
    handler = threading.Thread(target=inbox.handle, args=(webhook.dispatch,))
    handler.start()
    yield
    inbox.close()
    handler.join()


app = Starlette(routes=[Mount("/webhook", webhook.asgi)], lifespan=lifespan)
