"""Talk to a Flow.ai (Khoros Flow) bot.

The first reply, from a bot on this machine:

>>> import flowai
>>> with flowai.Sandbox() as sandbox, sandbox.client() as client:
...     sandbox.reply("hello", "Hello! How can I help?")
...     print(client.ask("thread-1", "Hello").text)
Hello! How can I help?

With an account it is ``client = flowai.Client("YOUR_MESSAGING_API_KEY")``, or ``flowai.Client()`` with the
key in FLOWAI_API_KEY, and the rest is the same. The guide is in
https://github.com/flowai-rs/flowai/blob/main/docs/README.md

What there is, with ``help(flowai.Client)`` and so on for all of it:

Sending
    Client          every call: send_text, send_many, upload_media, ask, history, pause and so on
    AsyncClient     the same, to await
    Outbox          messages that survive crashes and go out as soon as there is a network
    TextMessage, EventMessage, LocationMessage, MediaMessage
                    messages as objects, for send and ask
    Originator, Profile
                    who says it; a str is a name
    Recipient, Channel, Segment
                    who hears a broadcast
Receiving
    Receiver        listens for the calls of the webhook
    Webhook         takes them in FastAPI, Starlette, Django and Flask; its answers are a WebhookAnswer
    Verifier        says which of them are genuine; parse_event only reads an event
    Inbox           events that survive crashes; each is handed out as a Delivery until it is handled
    Event           what happened, of some EventKind
    AsyncReceiver, AsyncInbox, AsyncOutbox
                    the same for asyncio, to await
What comes back
    Receipt, Reply, HistoryPage, ThreadsPage, BotStatus, BusinessHours, Response
    ReplyMessage, HistoryEntry
                    what was said; its parts are TextTemplate, CardTemplate and so on, all of them Template,
                    for ``match``
When it fails
    FlowAIError     every error; its ``delivery`` says what became of a message, its class what went wrong
    logging.getLogger("flowai")
                    what it does, call by call; never a secret, a thread id, or what was said.
                    FLOWAI_LOG=debug in the environment writes it to standard error
Testing
    Sandbox         Flow.ai on this machine, which says and does what a test tells it
    flowai.pytest_plugin
                    the fixture flowai_sandbox

A dict in the form in which the API has it will do for each object that is sent.
"""

from os import environ as _environ

from flowai import _flowai as _flowai
from flowai import exceptions as exceptions
from flowai._flowai import (
    AsyncClient,
    AsyncDelivery,
    AsyncHistoryIterator,
    AsyncInbox,
    AsyncOutbox,
    AsyncReceiver,
    AsyncReportIterator,
    AsyncThreadIterator,
    BotStatus,
    Client,
    Delivery,
    DeliveryAttempt,
    Event,
    HistoryIterator,
    HistoryPage,
    Inbox,
    InboxEntry,
    InboxStats,
    Outbox,
    OutboxEntry,
    OutboxReceipt,
    OutboxReport,
    OutboxStats,
    Receipt,
    Receiver,
    RecordedDelivery,
    RecordedRequest,
    Reply,
    ReportIterator,
    Response,
    Sandbox,
    StoredEvent,
    ThreadId,
    ThreadIterator,
    ThreadsPage,
    UploadedFile,
    Verifier,
    WebhookCall,
    __version__,
    parse_event,
    parse_events,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowai._flowai import (
        Action,
        AgentTextTemplate,
        AudioTemplate,
        BusinessHours,
        Button,
        ButtonsTemplate,
        ButtonTrigger,
        Card,
        CardMedia,
        CardTemplate,
        CarouselTemplate,
        Channel,
        CustomTemplate,
        EventMessage,
        EventTemplate,
        ExpirationTime,
        FileTemplate,
        HandoverTemplate,
        HistoryEntry,
        Holiday,
        ImageTemplate,
        Interval,
        KhorosPriorityTemplate,
        ListItem,
        ListTemplate,
        LocationMessage,
        LocationTemplate,
        MediaMessage,
        NoteTemplate,
        Originator,
        Profile,
        QuickReply,
        Recipient,
        ReplyMessage,
        Segment,
        SystemReplyTemplate,
        Template,
        TextMessage,
        TextTemplate,
        VideoTemplate,
        WebviewTemplate,
        Weekday,
    )
    from flowai._kinds import EventKind
    from flowai._webhook import Webhook, WebhookAnswer
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

if "FLOWAI_LOG" in _environ:
    from flowai import _logging

    _logging.configure(_environ["FLOWAI_LOG"])
del _environ

__all__ = [
    "APIConnectionError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "Action",
    "AgentTextTemplate",
    "AsyncClient",
    "AsyncDelivery",
    "AsyncHistoryIterator",
    "AsyncInbox",
    "AsyncOutbox",
    "AsyncReceiver",
    "AsyncReportIterator",
    "AsyncThreadIterator",
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
    "Webhook",
    "WebhookAnswer",
    "WebhookCall",
    "WebhookParseError",
    "WebhookVerificationError",
    "WebviewTemplate",
    "Weekday",
    "__version__",
    "parse_event",
    "parse_events",
]


def __getattr__(name: str) -> object:
    value: object
    if name == "EventKind":
        from flowai._kinds import EventKind as value  # noqa: N813
    elif name in ("Webhook", "WebhookAnswer"):
        from flowai import _webhook

        value = getattr(_webhook, name)
    elif name in _flowai._MODELS:
        value = getattr(_flowai, name)
    elif name in exceptions.__all__:
        value = getattr(exceptions, name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})
