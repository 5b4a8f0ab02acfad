"""Connections that the server closes while they are idle: sends 45 ms apart to one that waits 20 ms."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import flowai
from children import returned, start
from vectors import server

SENDS = 200
PLAIN = ("idle-fin", "idle-reset", "idle-408", "stale-answer")
TLS = (*PLAIN, "idle-close-notify", "idle-408-close-notify")


def send_all(options: dict[str, Any], stalling: dict[str, Any] | None) -> list[str]:
    """What went wrong, in a process in which nothing else happens, or another thread that makes calls."""
    stop = threading.Event()

    def drive(options: dict[str, Any]) -> None:
        other = flowai.Client(**options, max_retries=0, timeout=1.0)
        while not stop.is_set():
            with contextlib.suppress(flowai.APITimeoutError):
                other.bot_status("t")

    driver = threading.Thread(target=drive, args=(stalling,)) if stalling else None
    if driver:
        driver.start()
    client = flowai.Client(**options, timeout=20.0)
    problems = []
    for n in range(SENDS):
        if n > 0:
            time.sleep(0.045)
        try:
            receipt = client.send_text("thread-1", f"message {n}")
        except flowai.FlowAIError as error:
            problems.append(f"send {n}: {error!r} {error.delivery}")
        else:
            if receipt.request_id != str(receipt.trace_id):
                problems.append(f"send {n} took the answer of another: {receipt!r}")
    if driver:
        if not driver.is_alive():
            problems.append("nobody else was driving")
        stop.set()
        driver.join()
    return problems


def run_all(driven: bool) -> None:
    cases = [(word, False) for word in PLAIN] + [(word, True) for word in TLS]
    running = []
    for word, tls in cases:
        run = f"idle{word}{tls}{driven}".replace("-", "")
        stalling = server().fault("stall", f"{run}driver") if driven else None
        process = start(send_all, server().fault(word, run, tls), stalling)
        running.append((f"{word}, {'TLS' if tls else 'plain'}", run, process))
    problems = []
    for name, run, process in running:
        problems += [f"{name}: {problem}" for problem in returned(process, limit=120)]
        counts = server().counts(run)
        if (counts["requests_read"], counts["distinct"]) != (SENDS, SENDS):
            read = f"{counts['requests_read']} requests, {counts['distinct']} of them distinct"
            problems.append(f"{name}: {read}")
        if counts["connections"] < SENDS / 2:
            problems.append(f"{name}: {counts['connections']} connections, so they were not closed")
    assert not problems, "\n".join(problems)


def test_nobody_drives_the_runtime() -> None:
    run_all(driven=False)


def test_another_thread_drives_the_runtime() -> None:
    run_all(driven=True)
