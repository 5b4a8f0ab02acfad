"""The same over TLS 1.3, and what a new connection costs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from harness import process, server
from harness.place import BENCH, PINNED, PYTHON
from harness.row import Ratio, Row
from rows import send_c, send_python

CONNECTIONS = 300


@contextlib.contextmanager
def from_c() -> Iterator[Row]:
    with server.server(PINNED) as running:
        yield Row(
            name="tls-c",
            title="C over TLS, one message after another, client and server on one CPU",
            unit="messages/s",
            contenders={
                program: send_c.contender(running, program, tls=True) for program in ("flowai", "libcurl")
            },
            reference="libcurl",
            goals=[Ratio("flowai", "libcurl", at_least=1.6)],
        )


@contextlib.contextmanager
def from_python() -> Iterator[Row]:
    counts = {"flowai": 8_000, "pycurl": 4_000, "ry": 4_000, "wreq": 4_000, "requests": 800}
    with server.server(PINNED) as running:
        yield Row(
            name="tls-sequential",
            title="Python over TLS, one message after another, client and server on one CPU",
            unit="messages/s",
            contenders={
                peer: send_python.contender(
                    running, "sequential", peer, count, 1, tls=True, before=tuple(PINNED)
                )
                for peer, count in counts.items()
            },
            reference="pycurl",
            goals=[Ratio("flowai", "pycurl", at_least=2.0)],
        )


@contextlib.contextmanager
def awaited() -> Iterator[Row]:
    counts = {"flowai": 24_000, "ry": 16_000, "wreq": 12_000, "aiohttp": 6_000}
    with server.server() as running:
        yield Row(
            name="tls-asyncio",
            title="Python over TLS, asyncio, 64 in flight",
            unit="messages/s",
            contenders={
                peer: send_python.contender(running, "asyncio", peer, count, send_python.IN_FLIGHT, tls=True)
                for peer, count in counts.items()
            },
            reference="aiohttp",
            goals=[Ratio("flowai", "ry", at_least=1.4), Ratio("flowai", "aiohttp", at_least=7)],
        )


def in_c(running: server.Server, program: str, how: str) -> Callable[[], float]:
    """Microseconds of a connection and a message: with a client of its own, or the session resumed."""
    start = [*PINNED, *send_c.command(running, program, tls=True, close=how == "resumed")]
    cold = ["cold"] if how == "cold" else []
    if program == "libcurl" and cold:
        start = [*PINNED, *send_c.command(running, program, tls=True, close=True)]

    def measure() -> float:
        with running.expecting(CONNECTIONS + 1, CONNECTIONS + 1):
            told = process.run([*start, "1", str(CONNECTIONS), str(running.authority), *cold])
        counts = running.counts()
        wanted = "full_handshakes" if cold else "resumed_handshakes"
        if counts[wanted] < CONNECTIONS:
            raise RuntimeError(f"{program}, {how}: {counts}")
        return float(told["seconds"]) / CONNECTIONS * 1e6

    return measure


def in_python(running: server.Server, peer: str) -> Callable[[], float]:
    worker = [*PINNED, str(PYTHON), str(BENCH / "workers" / "send.py"), "sequential", peer]

    def measure() -> float:
        with running.expecting(CONNECTIONS + 1, CONNECTIONS + 1):
            numbers = ["1", str(CONNECTIONS), str(running.authority)]
            told = process.run([*worker, running.base_url(tls=True, close=True), *numbers])
        if running.counts()["resumed_handshakes"] < CONNECTIONS:
            raise RuntimeError(f"{peer}: {running.counts()}")
        return float(told["seconds"]) / CONNECTIONS * 1e6

    return measure


@contextlib.contextmanager
def connecting() -> Iterator[Row]:
    with server.server(PINNED) as running:
        contenders = {
            f"{program} {how}": in_c(running, program, how)
            for program in ("flowai", "libcurl")
            for how in ("cold", "resumed")
        }
        contenders |= {f"{peer} in Python": in_python(running, peer) for peer in ("flowai", "pycurl")}
        yield Row(
            name="tls-connect",
            title="a new TLS connection and one message, client and server on one CPU",
            unit="microseconds",
            contenders=contenders,
            reference="libcurl resumed",
            goals=[
                Ratio("libcurl cold", "flowai cold", at_least=2),
                Ratio("libcurl resumed", "flowai resumed", at_least=2),
                Ratio("pycurl in Python", "flowai in Python", at_least=2),
            ],
        )


ROWS = [from_c, from_python, awaited, connecting]
