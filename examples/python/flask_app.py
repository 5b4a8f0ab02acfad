"""A Flask application that passes on what people say to a bot, and shows them what it replies.

Set FLOWAI_API_KEY and FLOWAI_WEBHOOK_SECRET, and FLOWAI_BASE_URL to talk to something else than the
service, then run
gunicorn --threads 4 flask_app:app
The webhook is at /webhook. What was said is in memory, so this is one process.
"""

import os
from collections import defaultdict

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import flowai

app = Flask(__name__)
client = flowai.Client()
webhook = flowai.Webhook(verifier=flowai.Verifier.jwt(os.environ["FLOWAI_WEBHOOK_SECRET"]))
app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/webhook": webhook.wsgi})  # type: ignore[method-assign]
conversations: dict[str, list[str]] = defaultdict(list)


@app.post("/<thread_id>")
def say(thread_id: str) -> ResponseReturnValue:
    """Send something to the bot."""
    client.send_text(thread_id, request.args["text"])
    return "", 204


@app.get("/<thread_id>")
def read(thread_id: str) -> ResponseReturnValue:
    """Show what the bot has said."""
    return jsonify(conversations[thread_id])


@webhook.on(flowai.EventKind.REPLY)
def reply(event: flowai.Event) -> None:
    """Keep what the bot says. An exception here has Flow.ai repeat the call."""
    conversations[event.thread_id].append(event.text)
