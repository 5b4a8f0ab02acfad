"""The webhook as an ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowai._ways import SOON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import TypeAlias

    from flowai._webhook import Webhook

    _Message: TypeAlias = MutableMapping[str, Any]
    _Receive: TypeAlias = Callable[[], Awaitable[_Message]]
    _Send: TypeAlias = Callable[[_Message], Awaitable[None]]


class ASGIApplication:
    """The webhook for servers and frameworks that speak ASGI; see Webhook.asgi."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one call."""
        kind = scope["type"]
        if kind == "lifespan":
            await _live(receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close"})
        elif kind != "http":
            raise ValueError(f"the webhook cannot answer what ASGI calls {kind!r}")
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        import asyncio

        webhook = self._webhook
        intake = webhook._intake
        method: str = scope["method"]
        headers: list[tuple[bytes, bytes]] = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        lengths = [value for name, value in headers if name == b"content-length"]
        answer, _ = intake.begin(method, lengths[0] if lengths else None)
        unread = method == "POST"
        if answer is None:
            try:
                body = await asyncio.wait_for(_read(receive, intake.max_body), intake.body_time)
            except _Gone:
                return
            except asyncio.TimeoutError:
                answer = intake.refuse("slow")
            else:
                unread = body is None
                if body is None:
                    answer = intake.refuse("too_large")
                else:
                    answer = await webhook._take(headers, body, SOON)
        status, lines, content = answer
        told = [(name.encode(), value.encode()) for name, value in lines.items()]
        told.append((b"content-length", str(len(content)).encode()))
        if unread and scope.get("http_version", "1.1").startswith("1"):
            # So that the server does not wait for the rest of what nobody reads.
            told.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else content})


class _Gone(Exception):
    """The client is not there any more."""


async def _read(receive: _Receive, limit: int) -> bytes | None:
    """Read the body; None if it is larger."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        piece = message.get("body", b"")
        if len(body) + len(piece) > limit:
            return None
        body += piece
        if not message.get("more_body", False):
            return bytes(body)


async def _live(receive: _Receive, send: _Send) -> None:
    """Say that there is nothing to prepare and nothing to end."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
