"""A thread that waits for results in place of an event loop that cannot watch descriptors (``add_reader``).

It is Python, since daemon threads that are in native code do not survive the end of the interpreter. It holds
neither the loop nor its bridge, and ends with them.
"""

import os
import select
import threading
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from typing import Any


def start(bridge: "Any", loop: "AbstractEventLoop", descriptor: int) -> None:
    """Have ``bridge.wake`` called on the loop whenever the descriptor can be read."""
    arguments = weakref.ref(bridge), weakref.ref(loop), os.dup(descriptor)
    threading.Thread(name="flowai-poller", target=_wait, args=arguments, daemon=True).start()


def _wait(bridge: "weakref.ref[Any]", loop: "weakref.ref[AbstractEventLoop]", descriptor: int) -> None:
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    try:
        while True:
            ready.poll()
            try:
                os.read(descriptor, 64)
            except BlockingIOError:
                # The loop has seen to it meanwhile.
                continue
            if not _wake(bridge(), loop()):
                return
    finally:
        os.close(descriptor)


def _wake(bridge: "Any", loop: "AbstractEventLoop | None") -> bool:
    """Let the loop go on; False when it never will."""
    if bridge is None or loop is None:
        return False
    try:
        loop.call_soon_threadsafe(bridge.wake)
    except RuntimeError:
        # It is closed.
        return False
    return True
