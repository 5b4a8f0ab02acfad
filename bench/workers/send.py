"""Sends messages with one library, in one way, and prints how long it took.

    send.py MODE PEER BASE_URL WARM_UP COUNT [CA_FILE]

MODE: sequential; threads (16 with one client, or as many as threads:8 says); asyncio (64 in flight);
many (send_many, 64 in flight).
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import peers

THREADS = 16
IN_FLIGHT = 64


def sequential(peer: str, base_url: str, warm_up: int, count: int, ca: str | None) -> float:
    send = peers.BLOCKING[peer](base_url, ca)
    for number in range(warm_up):
        send(number)
    began = time.perf_counter()
    for number in range(warm_up, warm_up + count):
        send(number)
    return time.perf_counter() - began


def threads(
    peer: str, base_url: str, warm_up: int, count: int, ca: str | None, *, threads: int = THREADS
) -> float:
    import threading

    send = peers.BLOCKING[peer](base_url, ca)

    def run(first: int, last: int, ready: threading.Barrier, stop: threading.Barrier) -> None:
        for number in range(first, first + warm_up // threads):
            send(number)
        ready.wait()
        for number in range(first + warm_up // threads, last):
            send(number)
        stop.wait()

    ready, stop = threading.Barrier(threads + 1), threading.Barrier(threads + 1)
    each = warm_up // threads + count // threads
    started = [
        threading.Thread(target=run, args=(n * each, (n + 1) * each, ready, stop)) for n in range(threads)
    ]
    for thread in started:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    stop.wait()
    return time.perf_counter() - began


def in_asyncio(peer: str, base_url: str, warm_up: int, count: int, ca: str | None) -> float:
    import asyncio

    async def run() -> float:
        send = await peers.AWAITED[peer](base_url, ca)

        async def worker(numbers: Iterator[int]) -> None:
            for number in numbers:
                await send(number)

        async def all_of(first: int, last: int) -> None:
            numbers = iter(range(first, last))
            await asyncio.gather(*(worker(numbers) for _ in range(IN_FLIGHT)))

        await all_of(0, warm_up)
        began = time.perf_counter()
        await all_of(warm_up, warm_up + count)
        return time.perf_counter() - began

    return asyncio.run(run())


def many(peer: str, base_url: str, warm_up: int, count: int, ca: str | None) -> float:
    import flowai

    client = flowai.Client(peers.KEY, base_url=base_url, originator="John Doe", ca_file=ca)

    def messages(first: int, last: int) -> list[tuple[str, str]]:
        return [(f"thread-{number}", peers.text(number)) for number in range(first, last)]

    if peer != "flowai":
        raise SystemExit("only flowai has it")
    client.send_many(messages(0, warm_up), concurrency=IN_FLIGHT)
    batch = messages(warm_up, warm_up + count)
    began = time.perf_counter()
    results = client.send_many(batch, concurrency=IN_FLIGHT)
    seconds = time.perf_counter() - began
    failed = [result for result in results if isinstance(result, Exception)]
    if failed or len(results) != count:
        raise SystemExit(f"{len(failed)} failed: {failed[:1]}")
    return seconds


MODES = {"sequential": sequential, "threads": threads, "asyncio": in_asyncio, "many": many}


def main() -> None:
    mode, peer, base_url, warm_up, count, *ca = sys.argv[1:]
    mode, _, number = mode.partition(":")
    run = functools.partial(MODES[mode], threads=int(number)) if number else MODES[mode]
    seconds = run(peer, base_url, int(warm_up), int(count), ca[0] if ca else None)
    print(json.dumps({"seconds": seconds, "memory": peak_memory()}))


def peak_memory() -> int:
    """Return the most memory that this process had, in KiB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
