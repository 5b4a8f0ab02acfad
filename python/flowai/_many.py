"""Many messages at a time: send_many and iter_send_many of the clients.

They are Python, since they run the code of their callers, which must not have native code below it (see
_handling, and when this is imported).
"""

from flowai import _flowai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
    from typing import Any, TypeAlias

    from flowai._flowai import AsyncClient, Client, Receipt, _Courier
    from flowai.exceptions import FlowAIError

    _Results: TypeAlias = list[Receipt | FlowAIError]

_KINDS = "an iterable of pairs (thread_id, message)"


def send_many(
    self: "Client",
    messages: "Iterable[Any]",
    *,
    concurrency: int = 64,
    timeout: "float | None" = None,
    skip_after_failure: bool = False,
) -> "_Results":
    """Send many messages, several at a time ("Sending messages" of the API document).

    Those of one thread are sent one after another, in their order; threads are served in parallel.

    messages: an iterable of pairs of a thread id and a message: a str for a text, a TextMessage,
        EventMessage, LocationMessage or MediaMessage, or a dict in the form in which it is sent. It is read
        on this thread as messages are needed, about a thousand ahead, and may use the client itself.
    concurrency: int, how many requests are under way at the same time, 1 to 128.
    timeout: seconds for each message from when its turn comes, in place of the client's.
    skip_after_failure: whether the messages of a thread that follow one that failed are left out; their
        results are errors whose delivery is "not_sent". If not, a failure holds nothing back.

    Returns a list with one result for each message, in the order of the messages: its Receipt, or the
    FlowAIError that says what became of it. A message that is refused is such an error too. iter_send_many
    gives the same results without keeping them all.

    An exception of the iterable comes up here once the messages before it are sent. Anything else that ends
    this early, such as KeyboardInterrupt, stops the sending at once. Either way the exception has an
    attribute ``results``, the list of what became of the messages that were read. Raises
    InvalidArgumentError, naming the argument, and TypeError for an item that is no such pair.

    >>> results = client.send_many([("thread-1", "Hello"), ("thread-2", "Hello")])
    >>> [result.status for result in results if isinstance(result, flowai.Receipt)]
    ['ok', 'ok']
    """
    courier = self._courier(concurrency, timeout, skip_after_failure, True)
    source = _Source(courier, messages)
    results: _Results = []
    try:
        while not courier.is_done:
            source.give()
            courier.wait(True, False)
            courier.take(results)
        source.check()
    except BaseException as error:
        _finish(courier, results, error)
        raise
    return results


def iter_send_many(
    self: "Client",
    messages: "Iterable[Any]",
    *,
    concurrency: int = 64,
    timeout: "float | None" = None,
    skip_after_failure: bool = False,
) -> "Iterator[Receipt | FlowAIError]":
    """Send many messages and give what became of each as it comes ("Sending messages" of the API document).

    For millions of messages: neither they nor their results are kept. The arguments are those of send_many:

    messages: an iterable of pairs of a thread id and a message.
    concurrency: int, how many requests are under way at the same time, 1 to 128.
    timeout: seconds for each message from when its turn comes, in place of the client's.
    skip_after_failure: whether the messages of a thread that follow one that failed are left out.

    Returns an iterator of Receipt or FlowAIError, in the order of the messages. Sending begins when the first
    result is asked for and goes on in the background; when about a thousand messages are read whose results
    nobody took, no more are read. Closing the iterator stops it. Errors come while it is read, as those of
    send_many; ``results`` then are those that it has not given.

    >>> results = client.iter_send_many((f"thread-{n}", "Hello") for n in range(1, 3))
    >>> [result.thread_id for result in results]
    ['thread-1', 'thread-2']
    """
    courier = self._courier(concurrency, timeout, skip_after_failure, False)
    return _results(courier, _Source(courier, messages))


def _results(courier: "_Courier", source: "_Source") -> "Iterator[Receipt | FlowAIError]":
    results: _Results = []
    try:
        courier.start()
        while not courier.is_done:
            courier.take(results)
            if not results or not courier.is_slow:
                source.give()
            if results:
                batch, results = results, []
                yield from batch
            else:
                courier.wait(True, True)
        source.check()
    except BaseException as error:
        _finish(courier, results, error)
        raise


async def send_many_awaited(
    self: "AsyncClient",
    messages: "Any",
    *,
    concurrency: int = 64,
    timeout: "float | None" = None,
    skip_after_failure: bool = False,
) -> "_Results":
    """Send many messages, several at a time ("Sending messages" of the API document).

    As Client.send_many; messages may be an asynchronous iterable too. When it is cancelled the sending stops,
    and the CancelledError has the attribute ``results``.

    >>> results = await client.send_many([("thread-1", "Hello"), ("thread-2", "Hello")])
    >>> [result.status for result in results if isinstance(result, flowai.Receipt)]
    ['ok', 'ok']
    """
    courier = self._courier(concurrency, timeout, skip_after_failure, True)
    results: _Results = []
    try:
        courier.start()
        if hasattr(messages, "__aiter__"):
            source = _Source(courier, ())
            await source.give_awaited(messages)
        else:
            source = _Source(courier, messages)
        while not courier.is_done:
            source.give()
            await courier.changed(True, False)
            courier.take(results)
        source.check()
    except BaseException as error:
        _finish(courier, results, error)
        raise
    return results


def iter_send_many_awaited(
    self: "AsyncClient",
    messages: "Any",
    *,
    concurrency: int = 64,
    timeout: "float | None" = None,
    skip_after_failure: bool = False,
) -> "AsyncIterator[Receipt | FlowAIError]":
    """Send many messages and give what became of each as it comes ("Sending messages" of the API document).

    As Client.iter_send_many, for ``async for``; messages may be an asynchronous iterable too, which is read
    in a task of its own.

    >>> async for result in client.iter_send_many((f"thread-{n}", "Hello") for n in range(1, 3)):
    ...     print(result.thread_id)
    thread-1
    thread-2
    """
    courier = self._courier(concurrency, timeout, skip_after_failure, False)
    if hasattr(messages, "__aiter__"):
        return _results_awaited(courier, _Source(courier, ()), messages)
    return _results_awaited(courier, _Source(courier, messages), None)


async def _results_awaited(
    courier: "_Courier", source: "_Source", awaited: "AsyncIterable[Any] | None"
) -> "AsyncIterator[Receipt | FlowAIError]":
    import asyncio

    results: _Results = []
    giving = None
    try:
        courier.start()
        if awaited is not None:
            giving = asyncio.ensure_future(source.give_awaited(awaited))
        while not courier.is_done:
            courier.take(results)
            if giving is None and (not results or not courier.is_slow):
                source.give()
            if results:
                batch, results = results, []
                for result in batch:
                    yield result
            else:
                await courier.changed(giving is None, True)
        if giving is not None:
            await giving
        source.check()
    except BaseException as error:
        _finish(courier, results, error)
        raise
    finally:
        if giving is not None and not giving.done():
            giving.cancel()
            await asyncio.wait([giving])


class _Source:
    """What is to be sent, read a few at a time."""

    def __init__(self, courier: "_Courier", messages: "Iterable[Any]") -> None:
        if not hasattr(messages, "__iter__"):
            hint = "; an asynchronous one is for AsyncClient" if hasattr(messages, "__aiter__") else ""
            raise TypeError(f"messages must be {_KINDS}, not {type(messages).__name__}{hint}")
        self.courier = courier
        self.items = iter(messages)
        self.ended = False
        self.raised: BaseException | None = None

    def give(self) -> None:
        """Read as many messages as are wanted now."""
        if self.ended:
            return
        wanted = self.courier.wants()
        if not wanted:
            return
        from time import monotonic

        batch: list[Any] = []
        patience = monotonic() + self.courier.patience
        try:
            for message in self.items:
                batch.append(message)
                if len(batch) == wanted or monotonic() > patience:
                    break
            else:
                self.ended = True
        except BaseException as error:
            self._end(batch, error)
            return
        if self.ended:
            self._end(batch)
        else:
            self._give(batch)

    async def give_awaited(self, messages: "AsyncIterable[Any]") -> None:
        """Read all messages, waiting whenever there is no room for more."""
        courier = self.courier
        self.ended = True
        try:
            async for message in messages:
                if not courier.wants():
                    await courier.changed(True, False)
                self._give([message])
                if self.raised is not None:
                    return
        except BaseException as error:
            self._end([], error)
        else:
            self._end([])

    def _give(self, batch: "list[Any]") -> None:
        try:
            self.courier.give(batch)
        except TypeError as error:
            self._end([], error)

    def _end(self, batch: "list[Any]", error: "BaseException | None" = None) -> None:
        self.ended = True
        self.raised = error
        if batch:
            self._give(batch)
        self.courier.end()
        if error is not None and not isinstance(error, Exception):
            raise error

    def check(self) -> None:
        """Raise what the iterable raised."""
        raised, self.raised = self.raised, None
        if raised is not None:
            try:
                raise raised
            finally:
                del raised


def _finish(courier: "_Courier", results: "_Results", error: BaseException) -> None:
    """Stop, and let the exception say what became of the messages that were read."""
    courier.stop()
    if isinstance(error, GeneratorExit):
        return
    courier.take(results)
    try:
        error.results = results  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    except AttributeError:
        return
    # BaseException has it from Python 3.11 on.
    add_note: Callable[[str], None] | None = getattr(error, "add_note", None)
    if add_note is not None:
        add_note(f"flowai: the attribute 'results' has what became of {len(results)} messages")


for _name, _blocking, _awaited in (
    ("send_many", send_many, send_many_awaited),
    ("iter_send_many", iter_send_many, iter_send_many_awaited),
):
    _awaited.__name__ = _name
    _blocking.__qualname__, _awaited.__qualname__ = f"Client.{_name}", f"AsyncClient.{_name}"
    setattr(_flowai.Client, _name, _blocking)
    setattr(_flowai.AsyncClient, _name, _awaited)
