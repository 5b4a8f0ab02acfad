"""How a call is worked on: at once in its thread, or on an event loop that must not be blocked.

What is done for a call is written once, as coroutines that are given one of the two ways. With the first
way they never suspend, so ``finish`` runs them without a loop.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from flowai import Event
    from flowai._flowai import _AnyInbox, _Body, _Headers, _Intake, _Told

_T = TypeVar("_T")


class Way(Protocol):
    """What may take its time."""

    async def call(self, function: Callable[[], _T]) -> _T:
        """Call something of this package that blocks."""
        ...

    async def store(self, intake: _Intake, inbox: _AnyInbox, headers: _Headers, body: _Body) -> _Told:
        """Store what a call carries."""
        ...

    async def handle(self, function: Callable[[Event], object], event: Event) -> None:
        """Have a function of the program handle an event."""
        ...


class Now(Way):
    """In the thread of the call."""

    async def call(self, function: Callable[[], _T]) -> _T:
        return function()

    async def store(self, intake: _Intake, inbox: _AnyInbox, headers: _Headers, body: _Body) -> _Told:
        return intake.store(inbox, headers, body)

    async def handle(self, function: Callable[[Event], object], event: Event) -> None:
        result = function(event)
        if inspect.isawaitable(result):
            _run(result)


class Soon(Way):
    """On an event loop of asyncio."""

    async def call(self, function: Callable[[], _T]) -> _T:
        import asyncio

        return await asyncio.to_thread(function)

    async def store(self, intake: _Intake, inbox: _AnyInbox, headers: _Headers, body: _Body) -> _Told:
        return await intake.store_async(inbox, headers, body)

    async def handle(self, function: Callable[[Event], object], event: Event) -> None:
        import asyncio

        if _is_async(function):
            result = function(event)
        else:
            result = await asyncio.to_thread(function, event)
        if inspect.isawaitable(result):
            await result


NOW, SOON = Now(), Soon()


def finish(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: _T = end.value
        return result
    raise RuntimeError("a coroutine waits for something, and there is no event loop")


def _is_async(function: Callable[[Event], object]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _run(awaitable: Awaitable[object]) -> None:
    """Wait for what an async function gives, on a loop of its own."""
    import asyncio

    async def wait() -> None:
        await awaitable

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    if inspect.iscoroutine(awaitable):
        awaitable.close()
    raise RuntimeError(
        "an async function cannot be waited for on the thread of a running event loop;"
        " await dispatch_async or handle_async there"
    )
