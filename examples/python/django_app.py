"""A Django project in one file that passes on what people say to a bot, and shows them what it replies.

Set FLOWAI_API_KEY and FLOWAI_WEBHOOK_SECRET, and FLOWAI_BASE_URL to talk to something else than the
service, then run
gunicorn --threads 4 django_app:application
or
uvicorn django_app:asgi_application
The webhook is at /webhook, in front of Django, whose middleware has no business with it. What was said is in
memory, so this is one process.
"""

import os
from collections import defaultdict
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

import flowai

client = flowai.Client()
webhook = flowai.Webhook(verifier=flowai.Verifier.jwt(os.environ["FLOWAI_WEBHOOK_SECRET"]))
conversations: dict[str, list[str]] = defaultdict(list)


@csrf_exempt
def conversation(request: HttpRequest, thread_id: str) -> HttpResponse:
    """Send something to the bot, or show what it has said."""
    if request.method == "POST":
        client.send_text(thread_id, request.GET["text"])
    return JsonResponse(conversations[thread_id], safe=False)


@webhook.on(flowai.EventKind.REPLY)
def reply(event: flowai.Event) -> None:
    """Keep what the bot says. An exception here has Flow.ai repeat the call."""
    conversations[event.thread_id].append(event.text)


settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY=os.urandom(32).hex())
urlpatterns = [path("<str:thread_id>", conversation)]
django_wsgi, django_asgi = get_wsgi_application(), get_asgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Have the webhook or Django answer under WSGI."""
    answer = webhook.wsgi if environ["PATH_INFO"] == "/webhook" else django_wsgi
    return answer(environ, start_response)


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    """Have the webhook or Django answer under ASGI."""
    is_webhook = scope["type"] == "lifespan" or scope["path"] == "/webhook"
    await (webhook.asgi if is_webhook else django_asgi)(scope, receive, send)
