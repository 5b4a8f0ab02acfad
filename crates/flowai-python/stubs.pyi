import builtins
import re
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import (
    Any,
    BinaryIO,
    ClassVar,
    Literal,
    NoReturn,
    Protocol,
    TypeAlias,
    TypeVar,
    final,
    type_check_only,
)

from typing_extensions import Self, deprecated, disjoint_base

from flowai._kinds import EventKind
from flowai.exceptions import FlowAIError

__all__: list[str]
__version__: str
_EVENT_KINDS: list[tuple[str, int]]

# Classes have methods of that name.
_Document: TypeAlias = dict[str, Any]
_OriginatorLike: TypeAlias = str | Originator | _Document
_Message: TypeAlias = TextMessage | EventMessage | LocationMessage | MediaMessage | _Document
_Messages: TypeAlias = Iterable[tuple[str, str | _Message]]
_AwaitedMessages: TypeAlias = _Messages | AsyncIterable[tuple[str, str | _Message]]
_MessageModel: TypeAlias = TextMessage | EventMessage | LocationMessage | MediaMessage
_ChannelName: TypeAlias = Literal["channel names"] | str
_Body: TypeAlias = bytes | bytearray | memoryview | str
_Secret: TypeAlias = str | bytes | bytearray | memoryview
_Headers: TypeAlias = (
    Mapping[str, str]
    | Mapping[str, bytes]
    | Mapping[bytes, bytes]
    | Iterable[tuple[str | bytes, str | bytes]]
)
_Said: TypeAlias = str | Template | _Document
_Told: TypeAlias = tuple[int, dict[str, str], bytes]
_Path: TypeAlias = str | PathLike[str] | PathLike[bytes]
_MediaType: TypeAlias = Literal["image", "file", "audio", "video"]

# They stay as they are in the asynchronous classes.
_AnyClient: TypeAlias = "Client | AsyncClient"
_AnyInbox: TypeAlias = "Inbox | AsyncInbox"
_T_co = TypeVar("_T_co", covariant=True)

@type_check_only
class _Opening(Protocol[_T_co]):
    def __await__(self) -> Generator[Any, None, _T_co]: ...
    def __aenter__(self) -> Coroutine[Any, Any, _T_co]: ...
    def __aexit__(
        self, *exception: BaseException | type[BaseException] | TracebackType | None
    ) -> Coroutine[Any, Any, None]: ...

@type_check_only
class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

@type_check_only
class _AwaitedReadable(Protocol):
    def read(self, size: int, /) -> Awaitable[bytes]: ...

_Piece: TypeAlias = bytes | bytearray | memoryview
_File: TypeAlias = _Path | _Piece | BinaryIO | _Readable | Iterable[_Piece]
_AwaitedFile: TypeAlias = _File | _AwaitedReadable | AsyncIterable[_Piece]

@disjoint_base
class Model:
    __match_args__: ClassVar[tuple[str, ...]]
    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
    @property
    def extra(self) -> _Document: ...
    def to_dict(self) -> _Document: ...
    @classmethod
    def from_dict(cls, document: _Document) -> Self: ...
    def __replace__(self, **changes: Any) -> Self: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, _memo: Any) -> Self: ...

class OpeningHours(Model):
    def is_open(self, at: datetime) -> bool: ...
    def next_opening(self, at: datetime) -> datetime | None: ...
    def next_closing(self, at: datetime) -> datetime | None: ...

# models

@final
class Receipt:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def thread_id(self) -> str: ...
    @property
    def trace_id(self) -> int | None: ...
    @property
    def status(self) -> str: ...
    @property
    def request_id(self) -> str | None: ...
    # what every result has

@final
class HistoryPage:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def entries(self) -> tuple[HistoryEntry, ...]: ...
    @property
    def page(self) -> int | None: ...
    @property
    def pages(self) -> int | None: ...
    @property
    def thread_id(self) -> str: ...
    # what every result has

@final
class ThreadsPage:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def threads(self) -> tuple[str, ...]: ...
    @property
    def page(self) -> int | None: ...
    @property
    def pages(self) -> int | None: ...
    # what every result has

@final
class BotStatus:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def is_paused(self) -> bool | None: ...
    @property
    def thread_id(self) -> str: ...
    # what every result has

@final
class HistoryIterator:
    def __iter__(self) -> Self: ...
    def __next__(self) -> HistoryEntry: ...

@final
class ThreadIterator:
    def __iter__(self) -> Self: ...
    def __next__(self) -> str: ...

@final
class Reply:
    __match_args__: ClassVar[tuple[str, str]]
    @property
    def text(self) -> str: ...
    @property
    def messages(self) -> tuple[ReplyMessage, ...]: ...
    @property
    def templates(self) -> tuple[Template, ...]: ...
    @property
    def quick_replies(self) -> tuple[QuickReply, ...]: ...
    @property
    def thread_id(self) -> str: ...
    @property
    def trace_id(self) -> int | None: ...
    @property
    def event(self) -> Event: ...
    @property
    def raw(self) -> bytes: ...
    def to_dict(self) -> _Document: ...
    # what every value has

@final
class Response:
    __match_args__: ClassVar[tuple[str, str, str]]
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def body(self) -> bytes: ...
    def json(self) -> Any: ...
    # what every value has

class Client:
    def __new__(
        cls,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        originator: _OriginatorLike | None = "Anonymous",
        timeout: float | None = 30.0,
        connect_timeout: float | None = 5.0,
        max_retries: int | None = 2,
        auth_scheme: str | None = "Bearer",
        metadata_form: Literal["seed", "metadata", "both"] | None = "seed",
        max_text_length: int | None = 255,
        proxy: str | None = None,
        ca_file: _Path | None = None,
        client_cert: _Path | None = None,
        user_agent: str | None = None,
        trace_ids: bool = True,
        allow_http: bool = False,
    ) -> Self: ...
    @property
    def base_url(self) -> str: ...
    def send_text(
        self,
        thread_id: str,
        text: str,
        *,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        timeout: float | None = None,
        write_concern: bool = False,
    ) -> Receipt: ...
    def send_event(
        self,
        thread_id: str,
        event_name: str,
        *,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        timeout: float | None = None,
        write_concern: bool = False,
    ) -> Receipt: ...
    def send_location(
        self,
        thread_id: str,
        lat: str | float,
        long: str | float,
        *,
        title: str | None = None,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        timeout: float | None = None,
        write_concern: bool = False,
    ) -> Receipt: ...
    def send_media(
        self,
        thread_id: str,
        url: str,
        *,
        media_type: _MediaType,
        mime_type: str | None = None,
        title: str | None = None,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        timeout: float | None = None,
        write_concern: bool = False,
    ) -> Receipt: ...
    def upload_media(
        self,
        thread_id: str,
        file: _File,
        *,
        media_type: _MediaType | None = None,
        mime_type: str | None = None,
        filename: str | None = None,
        url: str | None = None,
        title: str | None = None,
        progress: Callable[[int, int | None], object] | None = None,
        idle_timeout: float | None = 30.0,
        timeout: float | None = None,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        write_concern: bool = False,
    ) -> Receipt: ...
    def send(
        self,
        thread_id: str,
        message: _Message,
        *,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        timeout: float | None = None,
        write_concern: bool = False,
    ) -> Receipt: ...
    def send_many(
        self,
        messages: _Messages,
        *,
        concurrency: int = 64,
        timeout: float | None = None,
        skip_after_failure: bool = False,
    ) -> list[Receipt | FlowAIError]: ...
    def iter_send_many(
        self,
        messages: _Messages,
        *,
        concurrency: int = 64,
        timeout: float | None = None,
        skip_after_failure: bool = False,
    ) -> Iterator[Receipt | FlowAIError]: ...
    def ask(
        self,
        thread_id: str,
        message: str | _Message,
        *,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        timeout: float | None = None,
    ) -> Reply: ...
    def history(
        self, thread_id: str, *, page: int | None = None, events: bool = False, timeout: float | None = None
    ) -> HistoryPage: ...
    def iter_history(
        self, thread_id: str, *, limit: int | None = None, events: bool = False, timeout: float | None = None
    ) -> HistoryIterator: ...
    def request_history(
        self, thread_id: str, *, page: int | None = None, events: bool = False, timeout: float | None = None
    ) -> Receipt: ...
    def threads(self, *, page: int | None = None, timeout: float | None = None) -> ThreadsPage: ...
    def iter_threads(self, *, limit: int | None = None, timeout: float | None = None) -> ThreadIterator: ...
    def request_threads(self, *, page: int | None = None, timeout: float | None = None) -> Receipt: ...
    def create_thread(self, *, timeout: float | None = None) -> str: ...
    def business_hours(self, *, timeout: float | None = None) -> list[BusinessHours]: ...
    def request_business_hours(self, *, timeout: float | None = None) -> Receipt: ...
    def pause(self, thread_id: str, *, timeout: float | None = None) -> Receipt: ...
    def resume(self, thread_id: str, *, timeout: float | None = None) -> Receipt: ...
    def bot_status(self, thread_id: str, *, timeout: float | None = None) -> BotStatus: ...
    def request_bot_status(self, thread_id: str, *, timeout: float | None = None) -> Receipt: ...
    def handover(
        self, thread_id: str, *, seconds_to_pause: int | None = None, timeout: float | None = None
    ) -> Receipt: ...
    def resolve(
        self, thread_id: str, *, write_concern: bool = False, timeout: float | None = None
    ) -> Receipt: ...
    @deprecated("the service replaced takeover by handover")
    def takeover(self, thread_id: str, *, timeout: float | None = None) -> Receipt: ...
    def trigger_events(self, *, timeout: float | None = None) -> list[str]: ...
    def request_trigger_events(self, *, timeout: float | None = None) -> Receipt: ...
    def trigger_event(self, thread_id: str, event_name: str, *, timeout: float | None = None) -> Receipt: ...
    def broadcast(
        self,
        audience: Iterable[Recipient | _Document],
        channel: Channel | _Document,
        message: str | TextMessage | EventMessage | _Document,
        *,
        timeout: float | None = None,
    ) -> Receipt: ...
    def broadcast_to_segments(
        self,
        segments: Iterable[Segment | str | _Document],
        message: str | _Message,
        *,
        timeout: float | None = None,
    ) -> Receipt: ...
    def segments(self, *, timeout: float | None = None) -> list[Segment]: ...
    def request(
        self,
        method: str,
        path: str,
        *,
        query: _Document | None = None,
        json: Any = None,
        timeout: float | None = None,
    ) -> Response: ...
    def with_options(
        self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        originator: _OriginatorLike | None = None,
    ) -> Client: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class ThreadId:
    __match_args__: ClassVar[tuple[str, str]]
    @property
    def user(self) -> str: ...
    @property
    def channel(self) -> str | None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, _memo: Any) -> Self: ...

@final
class Event:
    __match_args__: ClassVar[tuple[str, str]]
    @property
    def type(self) -> str: ...
    @property
    def kind(self) -> EventKind: ...
    @property
    def thread_id(self) -> str: ...
    @property
    def thread(self) -> ThreadId: ...
    def is_for(self, thread_id: str, /) -> bool: ...
    @property
    def text(self) -> str: ...
    @property
    def trace_id(self) -> int | str | None: ...
    @property
    def messages(self) -> tuple[ReplyMessage, ...]: ...
    @property
    def originator(self) -> Originator | None: ...
    @property
    def user(self) -> Originator | None: ...
    @property
    def is_paused(self) -> bool | None: ...
    @property
    def created_at(self) -> str | float | None: ...
    @property
    def history(self) -> tuple[HistoryEntry, ...]: ...
    @property
    def page(self) -> int | None: ...
    @property
    def pages(self) -> int | None: ...
    @property
    def business_hours(self) -> tuple[BusinessHours, ...]: ...
    @property
    def threads(self) -> tuple[str, ...]: ...
    @property
    def triggers(self) -> tuple[str, ...]: ...
    @property
    def raw(self) -> bytes: ...
    @property
    def dedupe_key(self) -> str | None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, _memo: Any) -> Self: ...

def parse_event(body: _Body, /) -> Event: ...
def parse_events(body: _Body, /) -> list[Event]: ...

@final
class Verifier:
    def __new__(cls, *_args: NoReturn, **_kwargs: NoReturn) -> Self: ...
    @staticmethod
    def jwt(
        secret: _Secret | Sequence[_Secret],
        *,
        require_exp: bool = False,
        leeway: float | None = 60,
        min_secret_bytes: int | None = 32,
    ) -> Verifier: ...
    @staticmethod
    def header(name: str, secret: _Secret) -> Verifier: ...
    @staticmethod
    def body_key(secret: _Secret) -> Verifier: ...
    @staticmethod
    def any(*verifiers: Verifier) -> Verifier: ...
    def verify(self, body: _Body, headers: _Headers) -> None: ...
    def unwrap(self, body: _Body, headers: _Headers) -> Event: ...

@final
class Receiver:
    def __new__(
        cls,
        inbox: _AnyInbox | None = None,
        *,
        verifier: Verifier | None,
        listen: str | None = "127.0.0.1:0",
        path: str | None = "/",
        tls: tuple[_Path, _Path] | None = None,
        health: str | None = "/health",
    ) -> Self: ...
    @property
    def url(self) -> str: ...
    @property
    def port(self) -> int: ...
    def next(self, timeout: float | None = None) -> Event | None: ...
    def wait(
        self,
        *,
        kind: EventKind | int | str | None = None,
        thread_id: str | None = None,
        timeout: float | None = None,
    ) -> Event | None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exception_type: type[BaseException] | None, *_exception: BaseException | TracebackType | None
    ) -> None: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Event: ...

@final
class Inbox:
    @staticmethod
    def open(
        path: _Path,
        *,
        lease_time: float | None = 300.0,
        max_attempts: int | None = 10,
        retry_min: float | None = 1.0,
        retry_max: float | None = 900.0,
        keep_handled: float | None = 604800.0,
        keep_dead: float | None = None,
        deduplication: float | None = 604800.0,
        max_bytes: int | None = None,
        lock_time: float | None = 2.0,
    ) -> Inbox: ...
    @staticmethod
    def attach(path: _Path) -> Inbox: ...
    @property
    def path(self) -> Path: ...
    def next(self, timeout: float | None = None) -> Delivery | None: ...
    def handle(
        self,
        function: Callable[[Delivery], object],
        workers: int = 4,
        *,
        stop: Callable[[], object] | None = None,
    ) -> None: ...
    def put(self, body: _Body, /) -> builtins.list[StoredEvent]: ...
    def list(
        self,
        *,
        state: Literal["waiting", "handled", "dead"] | None = None,
        thread_id: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> builtins.list[InboxEntry]: ...
    def show(self, id: int) -> tuple[InboxEntry, bytes] | None: ...
    def replay(self, id: int) -> builtins.list[int]: ...
    def discard(self, id: int) -> bool: ...
    def forget(self, thread_id: str) -> int: ...
    def stats(self) -> InboxStats: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: BaseException | type[BaseException] | TracebackType | None) -> None: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Delivery: ...

def _kind(kind: EventKind | int | str) -> int: ...

@final
class _Intake:
    def __new__(cls, verifier: Verifier | None, max_body: int) -> Self: ...
    @property
    def max_body(self) -> int: ...
    @property
    def body_time(self) -> float: ...
    def begin(
        self, method: str, content_length: str | bytes | None = None
    ) -> tuple[_Told | None, int | None]: ...
    def refuse(self, fault: str) -> _Told: ...
    def events(self, headers: _Headers, body: _Body) -> tuple[_Told | None, builtins.list[Event]]: ...
    def acknowledge(self) -> _Told: ...
    def store(self, inbox: _AnyInbox, headers: _Headers, body: _Body) -> _Told: ...
    def store_async(self, inbox: _AnyInbox, headers: _Headers, body: _Body) -> Coroutine[Any, Any, _Told]: ...
    def check(self, headers: _Headers, body: _Body) -> _Told | None: ...
    def unavailable(self, reason: str) -> _Told: ...

@final
class Delivery:
    @property
    def event(self) -> Event: ...
    @property
    def id(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def received_at_ms(self) -> int: ...
    @property
    def replayed(self) -> bool: ...
    @property
    def maybe_duplicate(self) -> bool: ...
    @property
    def is_settled(self) -> bool: ...
    def ack(self) -> None: ...
    def retry(self, *, after: float | None = None) -> None: ...
    def fail(self, reason: str) -> None: ...
    def dead(self, reason: str) -> None: ...
    def heartbeat(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        _exception_type: type[BaseException] | None,
        exception: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None: ...

@final
class StoredEvent:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def id(self) -> int: ...
    @property
    def duplicate(self) -> bool: ...
    @property
    def dead(self) -> bool: ...
    # what every value has

@final
class InboxEntry:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def id(self) -> int: ...
    @property
    def thread_id(self) -> str: ...
    @property
    def state(self) -> Literal["waiting", "handled", "dead"]: ...
    @property
    def received_at_ms(self) -> int: ...
    @property
    def attempts(self) -> int: ...
    @property
    def error(self) -> str | None: ...
    @property
    def maybe_duplicate(self) -> bool: ...
    @property
    def replay_of(self) -> int | None: ...
    @property
    def size(self) -> int: ...
    # what every value has

@final
class InboxStats:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def waiting(self) -> int: ...
    @property
    def leased(self) -> int: ...
    @property
    def oldest_waiting(self) -> float | None: ...
    @property
    def dead(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    # what every value has

@final
class Outbox:
    @staticmethod
    def open(
        path: _Path,
        client: _AnyClient,
        *,
        on_ambiguous: Literal["surface", "repeat"] | None = "surface",
        max_repeats: int | None = 10,
        max_age: float | None = None,
        max_messages: int | None = 100000,
        max_bytes: int | None = 1073741824,
        retry_min: float | None = 0.5,
        retry_max: float | None = 300.0,
        concurrency: int | None = 8,
        keep_sent: int | None = 10000,
        close_time: float | None = 5.0,
        lock_time: float | None = 2.0,
    ) -> Outbox: ...
    @staticmethod
    def attach(
        path: _Path,
        client: _AnyClient,
        *,
        max_messages: int | None = 100000,
        max_bytes: int | None = 1073741824,
        lock_time: float | None = 2.0,
    ) -> Outbox: ...
    @property
    def path(self) -> Path: ...
    def send_text(
        self,
        thread_id: str,
        text: str,
        *,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        expires_in: float | None = None,
    ) -> OutboxReceipt: ...
    def send_event(
        self,
        thread_id: str,
        event_name: str,
        *,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        expires_in: float | None = None,
    ) -> OutboxReceipt: ...
    def send_location(
        self,
        thread_id: str,
        lat: str | float,
        long: str | float,
        *,
        title: str | None = None,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        expires_in: float | None = None,
    ) -> OutboxReceipt: ...
    def send_media(
        self,
        thread_id: str,
        url: str,
        *,
        media_type: _MediaType,
        mime_type: str | None = None,
        title: str | None = None,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        expires_in: float | None = None,
    ) -> OutboxReceipt: ...
    def upload_media(
        self,
        thread_id: str,
        file: _Path | bytes | bytearray | memoryview,
        *,
        media_type: _MediaType | None = None,
        mime_type: str | None = None,
        filename: str | None = None,
        url: str | None = None,
        title: str | None = None,
        idle_timeout: float | None = 30.0,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        expires_in: float | None = None,
        keep: Literal["copy", "reference"] | None = "copy",
    ) -> OutboxReceipt: ...
    def send(
        self,
        thread_id: str,
        message: _Message,
        *,
        originator: _OriginatorLike | None = None,
        trace_id: int | None = None,
        lang: str | None = None,
        timezone: int | None = None,
        params: _Document | None = None,
        expires_in: float | None = None,
    ) -> OutboxReceipt: ...
    def reports(self, timeout: float | None = None) -> ReportIterator: ...
    def next_report(self, timeout: float | None = None) -> OutboxReport | None: ...
    def acknowledge(self, number: int) -> bool: ...
    def confirm(self, event: Event) -> bool: ...
    def list(
        self, *, thread_id: str | None = None, after: int = 0, limit: int = 100
    ) -> builtins.list[OutboxEntry]: ...
    def show(self, id: int) -> OutboxEntry | None: ...
    def discard(self, id: int) -> bool: ...
    def stats(self) -> OutboxStats: ...
    def flush(self, timeout: float | None = None) -> int: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: BaseException | type[BaseException] | TracebackType | None) -> None: ...

@final
class ReportIterator:
    def __iter__(self) -> Self: ...
    def __next__(self) -> OutboxReport: ...

@final
class OutboxReceipt:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def id(self) -> int: ...
    @property
    def thread_id(self) -> str: ...
    @property
    def trace_id(self) -> int | None: ...
    # what every value has

@final
class OutboxEntry:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def position(self) -> int: ...
    @property
    def id(self) -> int: ...
    @property
    def thread_id(self) -> str: ...
    @property
    def trace_id(self) -> int | None: ...
    @property
    def message(self) -> _MessageModel: ...
    @property
    def filename(self) -> str | None: ...
    @property
    def state(self) -> Literal["queued", "sending"]: ...
    @property
    def attempts(self) -> int: ...
    @property
    def ambiguous_attempts(self) -> int: ...
    @property
    def enqueued_at_ms(self) -> int: ...
    @property
    def expires_at_ms(self) -> int | None: ...
    @property
    def next_attempt_at_ms(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def size(self) -> int: ...
    # what every value has

@final
class OutboxReport:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def number(self) -> int: ...
    @property
    def id(self) -> int: ...
    @property
    def thread_id(self) -> str: ...
    @property
    def trace_id(self) -> int | None: ...
    @property
    def outcome(self) -> Literal["sent", "maybe_sent", "failed"]: ...
    @property
    def message(self) -> _MessageModel: ...
    @property
    def error(self) -> str | None: ...
    @property
    def error_kind(self) -> str | None: ...
    @property
    def status(self) -> int | None: ...
    @property
    def request_id(self) -> str | None: ...
    @property
    def attempts(self) -> int: ...
    @property
    def ambiguous_attempts(self) -> int: ...
    @property
    def enqueued_at_ms(self) -> int: ...
    @property
    def attempted_at_ms(self) -> int | None: ...
    @property
    def settled_at_ms(self) -> int: ...
    @property
    def confirmed_at_ms(self) -> int | None: ...
    # what every value has

@final
class OutboxStats:
    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def waiting(self) -> int: ...
    @property
    def sending(self) -> int: ...
    @property
    def arriving(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def oldest(self) -> float | None: ...
    @property
    def next_attempt_at_ms(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def error_kind(self) -> str | None: ...
    @property
    def ambiguous(self) -> int: ...
    @property
    def reports(self) -> int: ...
    # what every value has

@final
class RecordedRequest:
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> str | None: ...
    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def body_length(self) -> int: ...
    @property
    def file(self) -> UploadedFile | None: ...
    @property
    def status(self) -> int | None: ...
    @property
    def time_ms(self) -> int: ...

@final
class UploadedFile:
    @property
    def name(self) -> str | None: ...
    @property
    def content_type(self) -> str | None: ...
    @property
    def length(self) -> int: ...
    @property
    def sha256(self) -> str: ...

@final
class WebhookCall:
    @property
    def body(self) -> bytes: ...
    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def event(self) -> Event: ...

@final
class RecordedDelivery:
    @property
    def event(self) -> _Document: ...
    @property
    def url(self) -> str | None: ...
    @property
    def attempts(self) -> tuple[DeliveryAttempt, ...]: ...
    @property
    def state(self) -> Literal["pending", "delivered", "failed"]: ...
    @property
    def time_ms(self) -> int: ...

@final
class DeliveryAttempt:
    @property
    def status(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def time_ms(self) -> int: ...

@final
class Sandbox:
    def __new__(
        cls,
        port: int = 0,
        *,
        api_key: str | None = None,
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        bot: Literal["echo", "none"] | None = "echo",
        speed: float = 1.0,
        seed: _Document | _Path | None = None,
        sync_replies: bool = True,
    ) -> Self: ...
    @property
    def base_url(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    @property
    def webhook_secret(self) -> str: ...
    def client(self, **options: Any) -> Client: ...
    def async_client(self, **options: Any) -> AsyncClient: ...
    def set_webhook(self, url: str, *, secret: str | None = None) -> None: ...
    def thread_state(self, thread_id: str) -> Literal["open", "handover", "resolved"]: ...
    def reply(
        self,
        to: str | re.Pattern[str] | EventMessage | None,
        *replies: _Said | list[_Said],
        quick_replies: Sequence[str | QuickReply | _Document] | None = None,
        times: int | None = None,
        then: Literal["pause", "handover", "resolve"] | None = None,
    ) -> None: ...
    def reply_in_turn(
        self, to: str | re.Pattern[str] | EventMessage | None, *replies: _Said | list[_Said]
    ) -> None: ...
    def add_rules(self, rules: Sequence[_Document]) -> None: ...
    def event(
        self,
        kind: str | EventKind,
        *replies: _Said,
        thread_id: str | None = None,
        quick_replies: Sequence[str | QuickReply | _Document] | None = None,
        **members: Any,
    ) -> WebhookCall: ...
    def sign(self) -> dict[str, str]: ...
    def push(self, event: _Document | Event | _Body) -> None: ...
    def fail_next(
        self,
        status: int = 503,
        times: int = 1,
        *,
        retry_after: int | str | None = None,
        body: _Secret | None = None,
        connection: Literal["close", "reset", "stall"] | None = None,
        processed: bool = False,
    ) -> None: ...
    @property
    def requests(self) -> list[RecordedRequest]: ...
    @property
    def deliveries(self) -> list[RecordedDelivery]: ...
    def wait_delivered(self, timeout: float | None = 10.0) -> bool: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

def run_cli(argv: Sequence[str | bytes], /) -> int: ...
def _log_entries(
    age: float,
) -> list[tuple[str, int, int, str | None, int | None, str | None, str, _Document]] | None: ...
def _log_descriptor() -> int: ...
def _log_mute(mute: bool) -> bool: ...
