"""Many clients keep the receiver waiting; one that does not is served, and memory stays within its bounds."""

from __future__ import annotations

import itertools
import resource
import socket
import statistics
import threading
import time
from pathlib import Path

from calls import Caller, body
from counts import SLOW_CLIENTS
from figures import Figures
from programs import Program, stored

# Some say nothing, some begin, some stop within the body.
BEGINNINGS = [
    b"",
    b"POST /ho",
    b"POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{",
]
GOOD_CALLS = 100
MEMORY_FOR_EACH = 256 * 1024


class SlowClients:
    """They send a byte now and then, and come back when they are sent away."""

    def __init__(self, port: int, count: int) -> None:
        self._address = ("127.0.0.1", port)
        self._kinds = itertools.cycle(BEGINNINGS)
        self._sockets = [self._connect() for _ in range(count)]
        self.came_back = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._trickle, daemon=True)
        self._thread.start()

    def _connect(self) -> socket.socket | None:
        try:
            client = socket.create_connection(self._address, timeout=10)
            client.sendall(next(self._kinds))
        except OSError:
            return None
        client.setblocking(False)
        return client

    def _trickle(self) -> None:
        while not self._end.wait(0.2):
            for n, client in enumerate(self._sockets):
                try:
                    # Every third says nothing for ever.
                    if client is not None and (n % 3 == 0 or client.send(b"x") == 1):
                        continue
                except BlockingIOError:
                    continue
                except OSError:
                    client.close()  # type: ignore[union-attr]
                self._sockets[n] = self._connect()
                self.came_back += 1

    def stop(self) -> None:
        self._end.set()
        self._thread.join()
        for client in self._sockets:
            if client is not None:
                client.close()


def resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def test_slow_clients_and_a_good_one(memory: Path, figures: Figures) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * SLOW_CLIENTS + 256)), hard))
    program = Program("serve", memory / "inbox.db", 1)
    port = program.port()
    assert port is not None
    first = Caller(port)
    assert first.call(body("-1", "t")) == 200
    first.close()
    before = resident(program.process.pid)
    slow = SlowClients(port, SLOW_CLIENTS)
    times = []
    # From the address of the slow ones, and from another.
    callers = [Caller(port), Caller(port, "127.0.0.2")]
    for n in range(GOOD_CALLS):
        began = time.monotonic()
        # A call that is refused for want of room comes again, as Flow.ai's would.
        while (status := callers[n % 2].call(body(str(n), "t"))) != 200:
            assert status in {None, 503}
            assert time.monotonic() - began < 30, "the good client is not served"
        times.append(1000 * (time.monotonic() - began))
        time.sleep(0.01)
    grown = resident(program.process.pid) - before
    for caller in callers:
        caller.close()
    slow.stop()
    assert program.end() == 0
    assert len(stored(memory / "inbox.db")) == GOOD_CALLS + 1
    assert grown < MEMORY_FOR_EACH * SLOW_CLIENTS + (8 << 20), f"{grown >> 20} MiB more"
    p50, p99 = statistics.median(times), sorted(times)[GOOD_CALLS * 99 // 100 - 1]
    note = f"good one: p50 {p50:.0f} ms, p99 {p99:.0f} ms; {grown >> 20} MiB more"
    figures.add("slow clients", SLOW_CLIENTS, GOOD_CALLS, 0, note)
