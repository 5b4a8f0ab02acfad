"""What can go wrong: one class for each kind of error, all of them under FlowAIError.

Every exception carries the same attributes; those that do not apply are None.
"""

# What is here for type checkers they find in exceptions.pyi, which is made of this.
# pyright: reportUnsupportedDunderAll=false
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal, TypeAlias

    _Delivery: TypeAlias = Literal["not_sent", "rejected", "maybe_sent", "sent"]
    _Kind: TypeAlias = Literal["error kinds"] | str

__all__ = [
    "APIConnectionError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ClosedError",
    "FlowAIError",
    "ForkedError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "PayloadTooLargeError",
    "QueueFullError",
    "RateLimitError",
    "RedirectError",
    "ServerError",
    "StorageError",
    "WebhookParseError",
    "WebhookVerificationError",
]


def _classes() -> "dict[str, Any]":
    """Make the classes, when one of them is needed: that takes longer than to import most of this package.

    They are in this function and not in a module that is imported later: there are errors with which nothing
    can be, such as that no more files can be opened.
    """

    class FlowAIError(Exception):
        """The base of every error of this package.

        Attributes:
            kind: the name of the kind of error, the same in every language.
            delivery: what became of a message: "not_sent" (it certainly did not leave), "rejected" (the
                service did not take it), "maybe_sent" (it left, and nobody knows), "sent" (the service took
                it, only the reply is missing that ask waits for), or None when the call was not a send.
            retryable: whether the same call may be made again without doing anything twice, and may then
                succeed.
            operation: the name of the method that failed.
            argument: the name of the argument that was refused.
            trace_id: the trace id of the message that failed; a delivery event that carries it tells that the
                message arrived after all.
            status: the HTTP status, if the service answered.
            headers: the headers of the answer, names in lower case.
            body: the start of the answer's body, at most 4 KiB.
            server_message: what the body says went wrong.
            request_id: the request id that the service gave.
            retry_after: how many seconds the service asked to wait.
            errno: the number of the system's error behind it, such as errno.ECONNREFUSED.
            strerror: what the system calls that error.

        >>> sandbox.fail_next(status=500)
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello")
        ... except flowai.FlowAIError as error:
        ...     print(error.kind, error.delivery, error.retryable)
        server maybe_sent False
        """

        kind: "_Kind" = "internal"
        delivery: "_Delivery | None"
        retryable: bool
        operation: "str | None"
        argument: "str | None"
        trace_id: "int | None"
        status: "int | None"
        headers: "Mapping[str, str]"
        body: "str | None"
        server_message: "str | None"
        request_id: "str | None"
        retry_after: "float | None"
        errno: "int | None"
        strerror: "str | None"

        def __init__(
            self,
            message: str = "",
            *,
            kind: "_Kind | None" = None,
            delivery: "_Delivery | None" = None,
            retryable: bool = False,
            operation: "str | None" = None,
            argument: "str | None" = None,
            trace_id: "int | None" = None,
            status: "int | None" = None,
            headers: "Mapping[str, str] | None" = None,
            body: "str | None" = None,
            server_message: "str | None" = None,
            request_id: "str | None" = None,
            retry_after: "float | None" = None,
            errno: "int | None" = None,
            strerror: "str | None" = None,
        ) -> None:
            super().__init__(message)
            if kind is not None:
                self.kind = kind
            self.delivery = delivery
            self.retryable = retryable
            self.operation = operation
            self.argument = argument
            self.trace_id = trace_id
            self.status = status
            self.headers = {} if headers is None else headers
            self.body = body
            self.server_message = server_message
            self.request_id = request_id
            self.retry_after = retry_after
            self.errno = errno
            self.strerror = strerror

        def __str__(self) -> str:
            # OSError would show errno and strerror in place of the message.
            return Exception.__str__(self)

        def __reduce__(self) -> "tuple[Any, ...]":
            # OSError would have its own way, which knows nothing of the attributes and hides these two.
            return type(self), self.args, {**self.__dict__, "errno": self.errno, "strerror": self.strerror}

    class InvalidArgumentError(FlowAIError, ValueError):
        """An argument was refused before anything was sent; ``argument`` names it.

        >>> try:
        ...     receipt = client.send_text("thread-1", "")
        ... except flowai.InvalidArgumentError as error:
        ...     print(error.argument)
        text
        """

        kind = "invalid_argument"

    class APIConnectionError(FlowAIError, ConnectionError):
        """There was no connection, or it failed.

        >>> nobody = flowai.Client("KEY", base_url="http://127.0.0.1:9/rest/v1/", max_retries=0)
        >>> try:
        ...     receipt = nobody.send_text("thread-1", "Hello")
        ... except flowai.APIConnectionError as error:
        ...     print(error.delivery)
        not_sent
        """

        kind = "connection"

    class APITimeoutError(FlowAIError, TimeoutError):
        """The deadline passed.

        >>> sandbox.fail_next(connection="stall")
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello", timeout=0.2)
        ... except flowai.APITimeoutError as error:
        ...     print(error.delivery)
        maybe_sent
        """

        kind = "timeout"

    class APIStatusError(FlowAIError):
        """The service answered with a status that is not a success.

        >>> sandbox.fail_next(status=418)
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello")
        ... except flowai.APIStatusError as error:
        ...     print(error.status, error.delivery)
        418 rejected
        """

        kind = "bad_request"

    class BadRequestError(APIStatusError):
        """The service refused the request: 400, 422 and other 4xx.

        >>> sandbox.fail_next(status=422)
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello")
        ... except flowai.BadRequestError as error:
        ...     print(error.status, error.delivery)
        422 rejected
        """

        kind = "bad_request"

    class AuthenticationError(APIStatusError):
        """The API key was refused: 401, 402, 403.

        >>> sandbox.fail_next(status=403)
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello")
        ... except flowai.AuthenticationError as error:
        ...     print(error.status, error.delivery)
        403 rejected
        """

        kind = "authentication"

    class NotFoundError(APIStatusError):
        """404.

        >>> sandbox.fail_next(status=404)
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello")
        ... except flowai.NotFoundError as error:
        ...     print(error.status, error.delivery)
        404 rejected
        """

        kind = "not_found"

    class PayloadTooLargeError(APIStatusError):
        """413.

        >>> sandbox.fail_next(status=413)
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello")
        ... except flowai.PayloadTooLargeError as error:
        ...     print(error.status, error.delivery)
        413 rejected
        """

        kind = "payload_too_large"

    class RateLimitError(APIStatusError):
        """429; ``retry_after`` says how many seconds to wait, if the service did.

        >>> sandbox.fail_next(status=429, times=3, retry_after=1000)
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello")
        ... except flowai.RateLimitError as error:
        ...     print(error.retry_after, error.retryable)
        1000.0 True
        """

        kind = "rate_limited"

    class ServerError(APIStatusError):
        """5xx.

        >>> sandbox.fail_next(status=502)
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello")
        ... except flowai.ServerError as error:
        ...     print(error.status, error.delivery)
        502 maybe_sent
        """

        kind = "server"

    class RedirectError(APIStatusError):
        """3xx. Redirects are not followed, since that would carry the key and the message elsewhere.

        >>> sandbox.fail_next(status=302)
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello")
        ... except flowai.RedirectError as error:
        ...     print(error.status, error.delivery)
        302 rejected
        """

        kind = "redirect"

    class APIResponseError(FlowAIError):
        """An answer that makes no sense.

        >>> sandbox.fail_next(status=200, body="no JSON")
        >>> try:
        ...     page = client.history("thread-1")
        ... except flowai.APIResponseError as error:
        ...     print(error.status)
        200
        """

        kind = "response"

    class WebhookParseError(FlowAIError, ValueError):
        """A webhook body that is not an event.

        >>> try:
        ...     event = flowai.parse_event(b"no JSON")
        ... except flowai.WebhookParseError as error:
        ...     print(error.kind)
        webhook_parse
        """

        kind = "webhook_parse"

    class WebhookVerificationError(FlowAIError):
        """A webhook call that does not prove where it comes from. Answer it with status 401.

        >>> try:
        ...     event = verifier.unwrap(b"{}", {})
        ... except flowai.WebhookVerificationError as error:
        ...     print(error.kind)
        webhook_verification
        """

        kind = "webhook_verification"

    class StorageError(FlowAIError, OSError):
        """A file or database failed.

        >>> try:
        ...     attached = flowai.Inbox.attach("missing.db")
        ... except flowai.StorageError as error:
        ...     print(error.kind)
        storage
        """

        kind = "storage"

    class QueueFullError(FlowAIError):
        """A bounded queue is full.

        >>> small = flowai.Outbox.open("small.db", nobody, max_messages=1)
        >>> receipt = small.send_text("thread-1", "Hello")
        >>> try:
        ...     receipt = small.send_text("thread-1", "Hello again")
        ... except flowai.QueueFullError as error:
        ...     print(error.delivery)
        not_sent
        >>> small.close()
        """

        kind = "queue_full"

    class ClosedError(FlowAIError):
        """The object was closed.

        >>> client.close()
        >>> try:
        ...     receipt = client.send_text("thread-1", "Hello")
        ... except flowai.ClosedError as error:
        ...     print(error.delivery)
        not_sent
        """

        kind = "closed"

    class ForkedError(FlowAIError):
        """The object belongs to the process that this one was forked from.

        >>> import os
        >>> if os.fork() == 0:
        ...     try:
        ...         sandbox.close()
        ...     except flowai.ForkedError:
        ...         os._exit(0)
        ...     os._exit(1)
        >>> os.wait()[1]
        0
        """

        kind = "forked"

    class InternalError(FlowAIError):
        """A defect of this package.

        >>> issubclass(flowai.InternalError, flowai.FlowAIError)
        True
        """

        kind = "internal"

    # The class of each kind of the core. Nothing is raised for those that only other languages have.
    _by_kind: dict[str, type[FlowAIError]] = {
        "cancelled": FlowAIError,
        "bad_handle": InternalError,
        **{
            class_.kind: class_
            for class_ in (
                InvalidArgumentError,
                APIConnectionError,
                APITimeoutError,
                BadRequestError,
                AuthenticationError,
                NotFoundError,
                PayloadTooLargeError,
                RateLimitError,
                ServerError,
                RedirectError,
                APIResponseError,
                WebhookParseError,
                WebhookVerificationError,
                StorageError,
                QueueFullError,
                ClosedError,
                ForkedError,
                InternalError,
            )
        },
    }

    return locals()


def __getattr__(name: str) -> object:
    if name not in __all__ and name != "_BY_KIND":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals().get("_made")
    if made is None:
        made = _classes()
        for class_name in __all__:
            class_: type = made[class_name]
            methods = [member for member in vars(class_).values() if isinstance(member, type(_classes))]
            for here in (class_, *methods):
                here.__qualname__ = here.__qualname__.removeprefix("_classes.<locals>.")
        made["_BY_KIND"] = made.pop("_by_kind")
        # Of threads that race, each makes its own, and those of the first count.
        made = globals().setdefault("_made", made)
        globals().update(made)
    return made[name]


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})
