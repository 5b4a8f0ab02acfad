"""Talk to a Flow.ai (Khoros Flow) bot.

Send it messages, read conversations back, control it, and receive its replies, which arrive by webhook.

>>> import flowai
>>> with flowai.Client("MY_MESSAGING_API_KEY") as client:
...     client.send_text("thread-1", "Hello")
"""

from flowai._flowai import (
    BotStatus,
    BusinessHours,
    Client,
    DeliveryAttempt,
    Event,
    EventMessage,
    HistoryEntry,
    HistoryIterator,
    HistoryPage,
    Holiday,
    Interval,
    LocationMessage,
    MediaMessage,
    Originator,
    Profile,
    Receipt,
    Receiver,
    RecordedDelivery,
    RecordedRequest,
    ReplyMessage,
    Sandbox,
    Template,
    TextMessage,
    ThreadId,
    UploadedFile,
    Verifier,
    Weekday,
    __version__,
    parse_event,
    parse_events,
)
from flowai.exceptions import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ClosedError,
    FlowAIError,
    ForkedError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    PayloadTooLargeError,
    QueueFullError,
    RateLimitError,
    RedirectError,
    ServerError,
    StorageError,
    WebhookParseError,
    WebhookVerificationError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowai._kinds import EventKind

__all__ = [
    "APIConnectionError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "BotStatus",
    "BusinessHours",
    "Client",
    "ClosedError",
    "DeliveryAttempt",
    "Event",
    "EventKind",
    "EventMessage",
    "FlowAIError",
    "ForkedError",
    "HistoryEntry",
    "HistoryIterator",
    "HistoryPage",
    "Holiday",
    "InternalError",
    "Interval",
    "InvalidArgumentError",
    "LocationMessage",
    "MediaMessage",
    "NotFoundError",
    "Originator",
    "PayloadTooLargeError",
    "Profile",
    "QueueFullError",
    "RateLimitError",
    "Receipt",
    "Receiver",
    "RecordedDelivery",
    "RecordedRequest",
    "RedirectError",
    "ReplyMessage",
    "Sandbox",
    "ServerError",
    "StorageError",
    "Template",
    "TextMessage",
    "ThreadId",
    "UploadedFile",
    "Verifier",
    "WebhookParseError",
    "WebhookVerificationError",
    "Weekday",
    "__version__",
    "parse_event",
    "parse_events",
]


def __getattr__(name: str) -> object:
    if name == "EventKind":
        from flowai import _kinds

        globals()[name] = _kinds.EventKind
        return _kinds.EventKind
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})
