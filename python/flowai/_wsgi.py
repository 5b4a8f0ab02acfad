"""The webhook as a WSGI application."""

from __future__ import annotations

import http
import logging
from typing import TYPE_CHECKING, Any

from flowai._ways import NOW, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowai._webhook import Webhook

_PIECE = 1 << 16

_log = logging.getLogger("flowai.webhook")


class WSGIApplication:
    """The webhook for servers and frameworks that speak WSGI; see Webhook.wsgi."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
    ) -> Iterable[bytes]:
        """Answer one call."""
        webhook = self._webhook
        intake = webhook._intake
        method: str = environ["REQUEST_METHOD"]
        answer, length = intake.begin(method, environ.get("CONTENT_LENGTH") or None)
        if answer is None:
            body = _read(environ, length, intake.max_body)
            if isinstance(body, str):
                answer = intake.refuse(body)
            else:
                answer = finish(webhook._take(_headers(environ), body, NOW))
        status, headers, content = answer
        lines = [*headers.items(), ("content-length", str(len(content)))]
        start_response(f"{status} {http.HTTPStatus(status).phrase}", lines)
        return [] if method == "HEAD" else [content]


def _headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (name.removeprefix("HTTP_").replace("_", "-"), value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name == "CONTENT_TYPE"
    ]


def _read(environ: dict[str, Any], length: int | None, limit: int) -> bytes | str:
    """Read the body, or say what is wrong with it."""
    terminated = environ.get("wsgi.input_terminated")
    if length is None and not terminated:
        # Where such a body ends nobody can tell, and to read too far would wait for ever.
        return "endless" if "HTTP_TRANSFER_ENCODING" in environ else b""
    wanted = limit + 1 if length is None else length
    body = bytearray()
    try:
        while len(body) < wanted:
            piece = environ["wsgi.input"].read(min(_PIECE, wanted - len(body)))
            if not piece:
                break
            body += piece
    except Exception as error:
        # Each server has errors of its own for clients that are gone, and for chunks that make no sense.
        _log.debug("the body of a webhook call cannot be read: %r", error)
        return "incomplete"
    if len(body) > limit:
        return "too_large"
    if length is not None and len(body) < length:
        return "incomplete"
    return bytes(body)
