"""Functions that handle events: the methods of inboxes and deliveries that call back into Python.

They are Python, since daemon threads that are in native code below a function do not survive the end of the
interpreter. This module is imported when one of them is first asked for, and what they need when they run,
so that importing the package costs little.
"""

from flowai import _flowai
from flowai.exceptions import FlowAIError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Any

    from flowai import AsyncDelivery, AsyncInbox, Delivery, Inbox
    from flowai._flowai import _AsyncHandling, _AsyncJob, _Handling

# How long to wait until stop is asked again, in seconds.
_PAUSE = 0.05

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
    handling = self._handling(workers)
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


def _work(handling: "_Handling", function: "Callable[[Delivery], object]") -> None:
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
            close: Callable[[], object] | None = getattr(value, "close", None)
            if close is not None:
                close()
            problem = "function must not be a coroutine function: nobody would await what it gives"
            handling.end(TypeError(problem))
            job.failed(problem)


def _watch(handling: "_Handling", stop: "Callable[[], object]") -> None:
    """Ask whether to stop, until it is over."""
    try:
        while not handling.pause():
            if stop():
                handling.end()
                return
    except BaseException as error:
        handling.end(error)


def _log(
    handling: "_Handling | _AsyncHandling", delivery: "Delivery | AsyncDelivery", error: BaseException
) -> None:
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


async def handle_awaited(
    self: "AsyncInbox",
    function: "Callable[[AsyncDelivery], Awaitable[object]]",
    workers: int = 4,
    *,
    stop: "Callable[[], object] | None" = None,
) -> None:
    """Run a coroutine function for every event, in tasks of its own, until something ends it.

    That is the inbox being closed, ``stop``, an exception that is no Exception, or the cancellation of the
    task that awaits this. Then no further event is taken, and this returns when the functions that run have.

    function: called with an AsyncDelivery, and awaited. When it returns the event is acknowledged, unless it
        has said itself what became of it. When it raises, the event is handed out again later, and becomes a
        dead letter after ``max_attempts``; the end of the traceback is kept with it and logged
        ("flowai.inbox"). While it runs its event is not handed out to another one, however long it takes.
        When the task that awaits ``handle`` is cancelled, the functions that run are too; their events are
        handed out again at once, in another attempt.
    workers: how many events are handled at the same time, those of one conversation in their order.
    stop: a callable that says whether to stop, such as ``is_set`` of an asyncio.Event; asked about every
        50 ms. What it gives is awaited if it can be, so ``wait`` of an asyncio.Event will do as well.

    When the storage fails the workers go on trying. Raises InvalidArgumentError when the inbox was only
    attached to.

    >>> async def answer(delivery):
    ...     if delivery.event.kind is flowai.EventKind.REPLY:
    ...         print(delivery.event.text)
    >>> done = asyncio.Event()
    >>> await inbox.handle(answer, workers=4, stop=done.is_set)
    """
    from asyncio import get_running_loop, wait

    _check_callable(function, "function")
    asked: object = None
    if stop is not None:
        _check_callable(stop, "stop")
        asked = stop()
        if asked and not hasattr(asked, "__await__"):
            return
    handling = self._handling(workers)
    loop = get_running_loop()
    # What is to be raised in the end.
    raised: list[BaseException] = []
    running: set[Task[None]] = set()

    def start(name: str, coroutine: "Any") -> "Task[None]":
        task: Task[None] = loop.create_task(coroutine, name=f"flowai-inbox-{name}")
        running.add(task)
        task.add_done_callback(running.discard)
        return task

    async def hand_out() -> None:
        while (job := await handling.next()) is not None:
            start(f"{job.delivery.id}", _work_awaited(handling, job, function, raised))

    start("events", hand_out())
    watching = None if stop is None else start("stop", _watch_awaited(handling, stop, asked, raised))
    try:
        await handling.run()
    except GeneratorExit:
        # There is no loop any more.
        raise
    except BaseException:
        handling.cancel()
        for task in running:
            task.cancel()
        await wait(running)
        handling.close()
        raise
    if watching is not None:
        watching.cancel()
    if running:
        await wait(running)
    if raised:
        raise raised[0]


async def _work_awaited(
    handling: "_AsyncHandling",
    job: "_AsyncJob",
    function: "Callable[[AsyncDelivery], Awaitable[object]]",
    raised: "list[BaseException]",
) -> None:
    """Call the function for one event."""
    from asyncio import CancelledError, sleep

    try:
        value = function(job.delivery)
        if not hasattr(value, "__await__"):
            raised.append(TypeError("function must be a coroutine function, whose result can be awaited"))
            handling.end()
            job.failed(str(raised[0]))
            return
        await value
    except GeneratorExit:
        # There is no loop any more.
        raise
    except CancelledError as error:
        # Whoever cancels all tasks, as asyncio.run does in the end, has now reached that of handle.
        await sleep(0)
        if handling.is_cancelled:
            await _hand_out_again(job.delivery)
            raise
        # Something that it awaited was cancelled, and that was not meant for it.
        _log(handling, job.delivery, error)
        job.failed(_story(error))
    except Exception as error:
        _log(handling, job.delivery, error)
        job.failed(_story(error))
    except BaseException as error:
        job.failed(_story(error))
        handling.end()
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            # They end the loop.
            raise
        raised.append(error)
    else:
        job.handled()


async def _hand_out_again(delivery: "AsyncDelivery") -> None:
    """Say of an event whose handler was cancelled that it is to be handled again, unless it was settled."""
    if delivery.is_settled:
        return
    try:
        await delivery.retry(after=0)
    except FlowAIError:
        # The cancellation that is on its way matters more; the event is handed out again all the same.
        pass


async def _watch_awaited(
    handling: "_AsyncHandling", stop: "Callable[[], object]", asked: "Any", raised: "list[BaseException]"
) -> None:
    """Ask whether to stop, until it is over; ``asked`` is the first answer."""
    from asyncio import sleep

    try:
        while True:
            if hasattr(asked, "__await__"):
                asked = await asked
            if asked:
                break
            await sleep(_PAUSE)
            asked = stop()
    except Exception as error:
        raised.append(error)
    handling.end()


async def leave_awaited(
    self: "AsyncDelivery",
    _exception_type: "type[BaseException] | None",
    exception: "BaseException | None",
    _traceback: "TracebackType | None",
) -> None:
    """Say what became of an event when its block is left, unless it was said there."""
    from asyncio import CancelledError

    if self.is_settled:
        return
    if exception is None:
        await self.ack()
    elif isinstance(exception, CancelledError):
        await _hand_out_again(self)
    else:
        try:
            await self.fail(_story(exception))
        except FlowAIError:
            # The exception that is on its way says more; the event is handed out again all the same.
            pass


def _put(method: "Callable[..., object]", cls: type, name: str) -> None:
    """Make a function a method of a native class."""
    method.__name__, method.__qualname__ = name, f"{cls.__name__}.{name}"
    setattr(cls, name, method)


_put(handle, _flowai.Inbox, "handle")
_put(leave, _flowai.Delivery, "__exit__")
_put(handle_awaited, _flowai.AsyncInbox, "handle")
_put(leave_awaited, _flowai.AsyncDelivery, "__aexit__")
