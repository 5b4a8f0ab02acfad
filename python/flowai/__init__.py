"""Talk to a Flow.ai (Khoros Flow) bot.

Send it messages, read conversations back, control it, and receive its replies, which arrive by webhook.

>>> import flowai
>>> with flowai.Client("MY_MESSAGING_API_KEY") as client:
...     client.send_text("thread-1", "Hello")           # the reply goes to the webhook
...     print(client.ask("thread-1", "Are you there?").text)  # or wait for it

What there is; help(flowai.Client) and so on say more:

- Client: every call. Its results are Receipt, Reply, HistoryPage, ThreadsPage, BotStatus, BusinessHours,
  Response.
- What calls are given: TextMessage, EventMessage, LocationMessage, MediaMessage, Originator, Profile,
  Recipient, Channel, Segment. A dict in the form in which it is sent will do for each of them.
- What a bot says: ReplyMessage and HistoryEntry, whose parts are TextTemplate, CardTemplate, ListTemplate
  and so on, all of them Template, for ``match``; a template of one channel alone is a Template.
- Webhooks: Receiver, or Verifier and parse_event in a web framework; both give an Event of some EventKind.
- Inbox: what a Receiver has acknowledged survives crashes, and is handed out as Delivery until it is handled.
- Outbox: messages survive crashes, and are sent as soon as there is a network; what became of each is an
  OutboxReport.
- Sandbox: Flow.ai on this machine, for tests.
- FlowAIError: every error. Its ``delivery`` says what became of a message.
"""

from flowai._flowai import (
    Action,
    AgentTextTemplate,
    AudioTemplate,
    BotStatus,
    BusinessHours,
    Button,
    ButtonsTemplate,
    ButtonTrigger,
    Card,
    CardMedia,
    CardTemplate,
    CarouselTemplate,
    Channel,
    Client,
    CustomTemplate,
    Delivery,
    DeliveryAttempt,
    Event,
    EventMessage,
    EventTemplate,
    ExpirationTime,
    FileTemplate,
    HandoverTemplate,
    HistoryEntry,
    HistoryIterator,
    HistoryPage,
    Holiday,
    ImageTemplate,
    Inbox,
    InboxEntry,
    InboxStats,
    Interval,
    KhorosPriorityTemplate,
    ListItem,
    ListTemplate,
    LocationMessage,
    LocationTemplate,
    MediaMessage,
    NoteTemplate,
    Originator,
    Outbox,
    OutboxEntry,
    OutboxReceipt,
    OutboxReport,
    OutboxStats,
    Profile,
    QuickReply,
    Receipt,
    Receiver,
    Recipient,
    RecordedDelivery,
    RecordedRequest,
    Reply,
    ReplyMessage,
    ReportIterator,
    Response,
    Sandbox,
    Segment,
    StoredEvent,
    SystemReplyTemplate,
    Template,
    TextMessage,
    TextTemplate,
    ThreadId,
    ThreadIterator,
    ThreadsPage,
    UploadedFile,
    Verifier,
    VideoTemplate,
    WebviewTemplate,
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
    "Action",
    "AgentTextTemplate",
    "AudioTemplate",
    "AuthenticationError",
    "BadRequestError",
    "BotStatus",
    "BusinessHours",
    "Button",
    "ButtonTrigger",
    "ButtonsTemplate",
    "Card",
    "CardMedia",
    "CardTemplate",
    "CarouselTemplate",
    "Channel",
    "Client",
    "ClosedError",
    "CustomTemplate",
    "Delivery",
    "DeliveryAttempt",
    "Event",
    "EventKind",
    "EventMessage",
    "EventTemplate",
    "ExpirationTime",
    "FileTemplate",
    "FlowAIError",
    "ForkedError",
    "HandoverTemplate",
    "HistoryEntry",
    "HistoryIterator",
    "HistoryPage",
    "Holiday",
    "ImageTemplate",
    "Inbox",
    "InboxEntry",
    "InboxStats",
    "InternalError",
    "Interval",
    "InvalidArgumentError",
    "KhorosPriorityTemplate",
    "ListItem",
    "ListTemplate",
    "LocationMessage",
    "LocationTemplate",
    "MediaMessage",
    "NotFoundError",
    "NoteTemplate",
    "Originator",
    "Outbox",
    "OutboxEntry",
    "OutboxReceipt",
    "OutboxReport",
    "OutboxStats",
    "PayloadTooLargeError",
    "Profile",
    "QueueFullError",
    "QuickReply",
    "RateLimitError",
    "Receipt",
    "Receiver",
    "Recipient",
    "RecordedDelivery",
    "RecordedRequest",
    "RedirectError",
    "Reply",
    "ReplyMessage",
    "ReportIterator",
    "Response",
    "Sandbox",
    "Segment",
    "ServerError",
    "StorageError",
    "StoredEvent",
    "SystemReplyTemplate",
    "Template",
    "TextMessage",
    "TextTemplate",
    "ThreadId",
    "ThreadIterator",
    "ThreadsPage",
    "UploadedFile",
    "Verifier",
    "VideoTemplate",
    "WebhookParseError",
    "WebhookVerificationError",
    "WebviewTemplate",
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
