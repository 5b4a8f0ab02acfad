"""Messages from Python: one after another, from threads, from asyncio, and many in one call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from harness import process, server
from harness.place import BENCH, PINNED, PROGRAMS, PYTHON
from harness.row import Ratio, Row

WARM_UP = 320
THREADS = 16
IN_FLIGHT = 64


def contender(
    running: server.Server,
    mode: str,
    peer: str,
    count: int,
    connections: int,
    *,
    tls: bool = False,
    before: tuple[str, ...] = (),
) -> Callable[[], float]:
    """Messages a second of one peer, in a fresh process, all of them counted by the server."""
    # Some peers connect more often than they have to; of them it has to be seen that they reuse connections.
    connections = connections if peer == "flowai" else 4 * max(connections, 4)
    authority = [str(running.authority)] if tls else []
    command = [*before, str(PYTHON), str(BENCH / "workers" / "send.py"), mode, peer]

    def measure() -> float:
        with running.expecting(WARM_UP + count, connections):
            address = running.base_url(tls=tls)
            told = process.run([*command, address, str(WARM_UP), str(count), *authority])
        return count / float(told["seconds"])

    return measure


def hyper_loop(running: server.Server, count: int) -> Callable[[], float]:
    port = str(running.ports["plain"])
    numbers = ["--port", port, "--warm-up", str(WARM_UP), "--count", str(count)]

    def measure() -> float:
        with running.expecting(WARM_UP + count, IN_FLIGHT):
            told = process.run([PROGRAMS / "bench-hyper", *numbers, "--in-flight", str(IN_FLIGHT)])
        return count / float(told["seconds"])

    return measure


@contextlib.contextmanager
def sequential() -> Iterator[Row]:
    counts = {"flowai": 10_000, "pycurl": 5_000, "primp": 5_000, "wreq": 5_000, "pyreqwest": 4_000}
    counts |= {"ry": 4_000, "urllib3": 1_600, "httpx": 800, "requests": 800}
    with server.server(PINNED) as running:
        yield Row(
            name="sequential",
            title="Python, one message after another, client and server on one CPU",
            unit="messages/s",
            contenders={
                peer: contender(running, "sequential", peer, count, 1, before=tuple(PINNED))
                for peer, count in counts.items()
            },
            reference="pycurl",
            goals=[Ratio("flowai", "pycurl", at_least=2.5), Ratio("flowai", "requests", at_least=15)],
        )


@contextlib.contextmanager
def threads() -> Iterator[Row]:
    counts = {"flowai": 32_000, "pycurl": 8_000, "wreq": 16_000, "ry": 16_000}
    with server.server() as running:
        yield Row(
            name="threads",
            title="Python, 16 threads, one client",
            unit="messages/s",
            contenders={
                peer: contender(running, "threads", peer, count, THREADS) for peer, count in counts.items()
            },
            reference="wreq",
            goals=[Ratio("flowai", "wreq", at_least=2.2)],
        )


@contextlib.contextmanager
def awaited() -> Iterator[Row]:
    counts = {
        "flowai": 32_000,
        "ry": 20_000,
        "wreq": 16_000,
        "pyreqwest": 8_000,
        "aiohttp": 6_000,
        "httpx": 400,
    }
    with server.server() as running:
        yield Row(
            name="asyncio",
            title="Python, asyncio, 64 in flight",
            unit="messages/s",
            contenders={
                peer: contender(running, "asyncio", peer, count, IN_FLIGHT) for peer, count in counts.items()
            },
            reference="aiohttp",
            goals=[Ratio("flowai", "ry", at_least=1.5), Ratio("flowai", "aiohttp", at_least=7)],
        )


@contextlib.contextmanager
def many() -> Iterator[Row]:
    with server.server() as running:
        yield Row(
            name="many",
            title="Python, send_many, 64 in flight",
            unit="messages/s",
            contenders={
                "flowai": contender(running, "many", "flowai", 40_000, IN_FLIGHT),
                "ry": contender(running, "asyncio", "ry", 20_000, IN_FLIGHT),
                "hyper": hyper_loop(running, 40_000),
            },
            reference="ry",
            goals=[Ratio("flowai", "ry", at_least=1.8), Ratio("flowai", "hyper", at_least=0.65)],
        )


ROWS = [sequential, threads, awaited, many]
