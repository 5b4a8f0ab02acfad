"""Webhooks in web applications.

What becomes of a call is decided in the native core, as for a Receiver. Here are the functions that
handle events, and what the applications for ASGI and WSGI have in common. Imported when it is first used,
since it costs time.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from flowai import _flowai
from flowai._asgi import ASGIApplication
from flowai._flowai import AsyncDelivery, AsyncInbox, Delivery, Inbox
from flowai._kinds import EventKind
from flowai._ways import NOW, SOON, finish
from flowai._wsgi import WSGIApplication
from flowai.exceptions import FlowAIError, ForkedError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from flowai import Event, Verifier
    from flowai._flowai import _Body, _Headers, _Intake, _Kind, _Told
    from flowai._ways import Way

    _Function: TypeAlias = Callable[[Event], object]

_F = TypeVar("_F", bound="Callable[[Event], object]")

_log = logging.getLogger("flowai.webhook")


class _Process:
    """What one process has of a webhook: neither locks nor databases go along when a program forks."""

    def __init__(self, intake: _Intake) -> None:
        self.pid = os.getpid()
        self.intake = intake
        self.inbox: AsyncInbox | Inbox | None = None
        self.told = False


class WebhookAnswer(NamedTuple):
    """What to answer a webhook call, as Webhook.handle gives it.

    status: 200, or why not.
    headers: names, in lower case, and values.
    body: a JSON document.

    >>> flowai.Webhook(verifier=None).handle(b"", {}, method="GET")
    WebhookAnswer(status=200, headers={'content-type': 'application/json'}, body=b'{"status":"ok"}')
    """

    status: int
    headers: dict[str, str]
    body: bytes


class Webhook:
    """The webhook of a bot in a web application ("Receiving calls" of the API document).

    Mount ``webhook.asgi`` in FastAPI, Starlette or Django, ``webhook.wsgi`` in Flask or Django, or call
    ``handle`` in a view of your own.

    verifier: a Verifier; a call that it does not accept is answered 401. None takes calls from everybody,
        and has to be said.
    inbox: where events are stored before a call is acknowledged: an Inbox or AsyncInbox, or the path of
        one that another process owns, which each process opens at its first call, after it was forked.
        Without one the functions handle events first.
    max_body: the size of the largest body that is taken, in bytes. A larger one is answered 413, and not
        read to its end.

    Without an inbox, the functions of ``on`` and ``fallback`` handle the events of a call one after the
    other before it is answered: 200 when all of them have returned, 500 when one has raised. Then Flow.ai
    repeats the whole call, for up to four hours. So an event may be handled twice, as when the answer was
    lost because a function took too long. Events without a function are acknowledged.

    With an inbox, a call is answered 200 once its events are on the disk, and 503 while they cannot be.
    An event that comes again is stored once, and one that cannot be read is kept as a dead letter. The
    process that owns the inbox handles the events, as often as it takes:
    ``inbox.handle(webhook.dispatch)``.

    GET and HEAD are answered 200, other methods 405, a body that cannot be read 400 (with an inbox it is
    kept).

    Raises InvalidArgumentError naming ``max_body``.

    >>> webhook = flowai.Webhook(verifier=flowai.Verifier.jwt("a secret that has thirty-two bytes"))
    >>> @webhook.on(flowai.EventKind.REPLY)
    ... def reply(event):
    ...     print(event.thread_id, event.text)
    >>> application = webhook.wsgi
    """

    def __init__(
        self,
        *,
        verifier: Verifier | None,
        inbox: AsyncInbox | Inbox | str | os.PathLike[str] | None = None,
        max_body: int = 1 << 20,
    ) -> None:
        _check_inbox(inbox)
        self._options = verifier, max_body
        self._inbox = inbox
        self._functions: dict[int, _Function] = {}
        self._fallback: _Function | None = None
        self._process = _Process(_flowai._Intake(verifier, max_body))
        self._made_in = self._process.pid
        self._asgi = ASGIApplication(self)
        self._wsgi = WSGIApplication(self)

    @property
    def asgi(self) -> ASGIApplication:
        """The application for servers and frameworks that speak ASGI, on asyncio or uvloop.

        It answers at every path that it is given, so it is mounted where the webhook is, or run by itself.

        >>> app = FastAPI(routes=[Route("/webhook", webhook.asgi)])  # likewise Starlette
        """
        return self._asgi

    @property
    def wsgi(self) -> WSGIApplication:
        """The application for servers and frameworks that speak WSGI.

        It answers at every path that it is given, so it is mounted where the webhook is, or run by itself.
        Chunked bodies are read where the server can (``wsgi.input_terminated``, as gunicorn says); elsewhere
        they are answered 411.

        >>> app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/webhook": webhook.wsgi})  # Flask
        """
        return self._wsgi

    def on(self, *kinds: _Kind) -> Callable[[_F], _F]:
        """Say which function handles the events of these kinds.

        The function is called with the Event. Under ASGI an async function is awaited on the server's
        loop, and any other runs in a thread (asyncio.to_thread), so that it blocks nothing. Under WSGI
        both run in the thread of the call, an async function on a loop of its own that ends with it:
        connections that belong to another loop cannot be used there.

        kinds: each an EventKind, its number or its name, and with one function at most.

        Raises InvalidArgumentError naming ``kinds``.

        >>> @webhook.on(flowai.EventKind.PAUSED, flowai.EventKind.RESUMED)
        ... async def status(event):
        ...     print(event.thread_id, event.kind.name)
        """
        if not kinds:
            raise InvalidArgumentError("kinds: there is none; fallback is for all others", argument="kinds")
        numbers = [_flowai._kind(kind) for kind in kinds]

        def register(function: _F) -> _F:
            _check_callable(function)
            taken = self._functions.keys() & numbers
            if taken:
                kind = EventKind(min(taken)).name
                raise InvalidArgumentError(f"kinds: {kind} has a function already", argument="kinds")
            self._functions.update(dict.fromkeys(numbers, function))
            return function

        return register

    def fallback(self, function: _F) -> _F:
        """Say which function handles the events of every kind that has none of its own, unknown ones too.

        Raises InvalidArgumentError when there is one already.

        >>> @webhook.fallback
        ... def other(event):
        ...     print("not handled:", event.type)
        """
        _check_callable(function)
        if self._fallback is not None:
            raise InvalidArgumentError("function: there is a fallback already", argument="function")
        self._fallback = function
        return function

    def dispatch(self, event: Event | Delivery | AsyncDelivery) -> None:
        """Have the function for its kind handle an event: for what comes from an Inbox.

        event: an Event, or a Delivery, whose event the function gets.

        Raises what the function raises, and RuntimeError when there is no function at all, or when an
        async one is called from a running loop.

        >>> inbox.handle(webhook.dispatch, workers=4)
        """
        finish(self._dispatch(event, NOW))

    async def dispatch_async(self, event: Event | Delivery | AsyncDelivery) -> None:
        """As ``dispatch``, to be awaited: async functions are awaited here, others run in a thread.

        >>> await webhook.dispatch_async(event)
        """
        await self._dispatch(event, SOON)

    def handle(self, body: _Body, headers: _Headers, *, method: str = "POST") -> WebhookAnswer:
        """Take a call that a view of yours got, and give what to answer: for web frameworks of every kind.

        body: its body as it came, before anything parsed it: ``request.get_data()`` in Flask,
            ``request.body`` in Django.
        headers: all its headers: a mapping or pairs of names and values, each str or bytes; names in any
            case.
        method: its method.

        >>> def view(request):  # Django
        ...     status, headers, body = webhook.handle(request.body, request.headers, method=request.method)
        ...     return HttpResponse(body, status=status, headers=headers)
        """
        return finish(self._answer(method, headers, body, NOW))

    async def handle_async(self, body: _Body, headers: _Headers, *, method: str = "POST") -> WebhookAnswer:
        """As ``handle``, to be awaited; nothing of it blocks the loop.

        >>> async def view(request):  # Starlette
        ...     answer = await webhook.handle_async(await request.body(), request.headers)
        ...     return Response(answer.body, answer.status, answer.headers)
        """
        return await self._answer(method, headers, body, SOON)

    def __repr__(self) -> str:
        verifier, _ = self._options
        return f"<flowai.Webhook verifier={verifier!r} inbox={self._inbox!r}>"

    # The rest is for the applications.

    @property
    def _intake(self) -> _Intake:
        return self._here.intake

    @property
    def _here(self) -> _Process:
        here = self._process
        if here.pid != os.getpid():
            self._process = here = _Process(_flowai._Intake(*self._options))
        return here

    async def _answer(self, method: str, headers: _Headers, body: _Body, way: Way) -> WebhookAnswer:
        answer, _ = self._intake.begin(method)
        if answer is None:
            answer = await self._take(headers, body, way)
        return WebhookAnswer(*answer)

    async def _take(self, headers: _Headers, body: _Body, way: Way) -> _Told:
        """Answer a call whose body is there."""
        intake = self._intake
        if self._inbox is not None:
            inbox = self._here.inbox
            if inbox is None:
                refused = intake.check(headers, body)
                if refused is not None:
                    return refused
                try:
                    inbox = await way.call(self._open)
                except FlowAIError as error:
                    return self._unavailable(error)
            return await way.store(intake, inbox, headers, body)
        answer, events = intake.events(headers, body)
        if answer is not None:
            return answer
        for event in events:
            try:
                await self._dispatch(event, way)
            except Exception:
                _log.exception("an event %r was not handled, and will come again", event.type)
                return intake.refuse("not_handled")
        return intake.acknowledge()

    async def _dispatch(self, event: Event | Delivery | AsyncDelivery, way: Way) -> None:
        if isinstance(event, (AsyncDelivery, Delivery)):
            event = event.event
        function = self._functions.get(event.kind, self._fallback)
        if function is not None:
            await way.handle(function, event)
        elif not self._functions:
            raise RuntimeError("the webhook has no functions; say which with on or fallback")

    def _open(self) -> AsyncInbox | Inbox:
        """Give the inbox that this process can use."""
        here = self._here
        if here.inbox is None:
            if not isinstance(self._inbox, (AsyncInbox, Inbox)):
                assert self._inbox is not None
                here.inbox = Inbox.attach(self._inbox)
            elif here.pid == self._made_in:
                here.inbox = self._inbox
            else:
                raise ForkedError(
                    "the inbox was opened before this process was forked; open it in one process, after the"
                    " fork, and give the webhooks its path"
                )
        return here.inbox

    def _unavailable(self, error: Exception) -> _Told:
        here = self._here
        if not here.told:
            here.told = True
            _log.error("webhook calls are answered 503, since there is no inbox for them: %s", error)
        return here.intake.unavailable(str(error))


def _check_inbox(inbox: object) -> None:
    if inbox is not None and not isinstance(inbox, (AsyncInbox, Inbox, str, os.PathLike)):
        raise TypeError(f"inbox must be an Inbox or the path of one, not {type(inbox).__name__}")


def _check_callable(function: Any) -> None:
    if not callable(function):
        raise TypeError(f"function must be callable, not {type(function).__name__}")
