"""Event loops to run tests on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

Main = Callable[[], Coroutine[Any, Any, Any]]
Run = Callable[[Main], Any]


def run_on_asyncio(main: Main) -> Any:
    return asyncio.run(main())


def run_on_uvloop(main: Main) -> Any:
    import uvloop

    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


class Unwatching(asyncio.SelectorEventLoop):
    """A loop that watches no descriptors of others, as loops on Windows and in graphical programs do."""

    def add_reader(self, *_args: object) -> None:
        raise NotImplementedError

    remove_reader = add_reader


def run_on_unwatching(main: Main) -> Any:
    loop = Unwatching()
    try:
        return loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


LOOPS = {"asyncio": run_on_asyncio, "uvloop": run_on_uvloop, "no add_reader": run_on_unwatching}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine function on a loop of each kind."""
    return LOOPS[request.param]
