"""Functions that handle events: the methods of Inbox and Delivery that call back into Python.

They are Python, since daemon threads that are in native code below a function do not survive the end of the
interpreter. What they need is imported when they run, so that importing the package costs little.
"""

from flowai import _flowai
from flowai.exceptions import FlowAIError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    from flowai import Delivery, Inbox

# How much of the end of a traceback is kept with an event, in characters.
_MAX_STORY = 4000


def handle(
    self: "Inbox",
    function: "Callable[[Delivery], object]",
    workers: int = 4,
    *,
    stop: "Callable[[], object] | None" = None,
) -> None:
    """Run a function for every event, on threads of its own, until something ends it.

    That is the inbox being closed, ``stop``, or an exception such as KeyboardInterrupt that comes up here.
    Then no further event is taken, and this returns when the functions that run have.

    function: called with a Delivery. When it returns the event is acknowledged, unless it has said itself
        what became of it. When it raises, the event is handed out again later, and becomes a dead letter
        after ``max_attempts``; the end of the traceback is kept with it and logged ("flowai.inbox"). While
        it runs its event is not handed out to another one, however long it takes. SystemExit and other
        exceptions that are no Exception end this too, and are raised here.
    workers: how many threads; each handles one event at a time, those of one conversation in their order.
    stop: a callable that says whether to stop, such as ``is_set`` of a threading.Event; asked about every
        50 ms, on a thread of its own.

    When the storage fails the workers go on trying. Raises InvalidArgumentError when the inbox was only
    attached to.

    >>> def answer(delivery):
    ...     if delivery.event.kind is flowai.EventKind.REPLY:
    ...         print(delivery.event.text)
    >>> inbox.handle(answer, workers=4, stop=lambda: inbox.stats().waiting == 0)
    """
    from threading import Thread

    _check_callable(function, "function")
    if stop is not None:
        _check_callable(stop, "stop")
        if stop():
            return
    handling: Any = self._handling(workers)  # type: ignore[attr-defined]
    threads: list[Thread] = []

    def start(name: str, target: "Callable[..., None]", argument: object) -> None:
        thread = Thread(name=f"flowai-inbox-{name}", target=target, args=(handling, argument))
        thread.start()
        threads.append(thread)

    try:
        for number in range(handling.workers):
            start(f"{number + 1}", _work, function)
        if stop is not None:
            start("stop", _watch, stop)
        handling.run()
    finally:
        handling.close()
        for thread in threads:
            thread.join()


def _check_callable(value: "Any", name: str) -> None:
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {type(value).__name__}")


def _work(handling: "Any", function: "Callable[[Delivery], object]") -> None:
    """Call the function for one event after the other, until there are no more."""
    while (job := handling.next()) is not None:
        try:
            value = function(job.delivery)
        except Exception as error:
            _log(handling, job.delivery, error)
            job.failed(_story(error))
        except BaseException as error:
            handling.end(error)
            job.failed(_story(error))
        else:
            if not hasattr(value, "__await__"):
                job.handled()
                continue
            if hasattr(value, "close"):
                value.close()
            problem = "function must not be a coroutine function: nobody would await what it gives"
            handling.end(TypeError(problem))
            job.failed(problem)


def _watch(handling: "Any", stop: "Callable[[], object]") -> None:
    """Ask whether to stop, until it is over."""
    try:
        while not handling.pause():
            if stop():
                handling.end()
                return
    except BaseException as error:
        handling.end(error)


def _log(handling: "Any", delivery: "Delivery", error: Exception) -> None:
    import logging

    last = delivery.attempt >= handling.max_attempts
    logging.getLogger("flowai.inbox").log(
        logging.ERROR if last else logging.WARNING,
        "event %d of the inbox was not handled in attempt %d of %d",
        delivery.id,
        delivery.attempt,
        handling.max_attempts,
        exc_info=error,
    )


def _story(error: BaseException) -> str:
    """Return what is kept of an exception: the end of its traceback, as text that can be written."""
    import traceback

    text = "".join(traceback.format_exception(error)).rstrip().encode("utf-8", "replace").decode()
    return text if len(text) <= _MAX_STORY else f"...{text[-_MAX_STORY:]}"


def leave(
    self: "Delivery",
    _exception_type: "type[BaseException] | None",
    exception: "BaseException | None",
    _traceback: "TracebackType | None",
) -> None:
    """Say what became of an event when its block is left, unless it was said there."""
    if self.is_settled:
        return
    if exception is None:
        self.ack()
        return
    try:
        self.fail(_story(exception))
    except FlowAIError:
        # The exception that is on its way says more; the event is handed out again all the same.
        pass


handle.__qualname__ = "Inbox.handle"
leave.__name__, leave.__qualname__ = "__exit__", "Delivery.__exit__"
_flowai.Inbox.handle = handle  # type: ignore[method-assign]
_flowai.Delivery.__exit__ = leave  # type: ignore[method-assign]
