"""Connections that the server closes while they are idle: sends 45 ms apart to one that waits 20 ms."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.request
from typing import Any

import flowai
from children import returned, start
from vectors import server

SENDS = 200
PLAIN = ("idle-fin", "idle-reset", "idle-408", "stale-answer")
TLS = (*PLAIN, "idle-close-notify", "idle-408-close-notify")


def wait_until_given_up(address: str, connections: int) -> None:
    """Wait for the server: a busy machine may wake it so late that it would close under the next message."""
    while True:
        with urllib.request.urlopen(address, timeout=10) as answer:
            if json.load(answer)["connections"] >= connections:
                return
        time.sleep(0.005)


def send_all(options: dict[str, Any], given_up: str, stalling: dict[str, Any] | None) -> list[str]:
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
            wait_until_given_up(given_up, n)
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


class Case:
    """One way to close connections, and the process that sends to a server which does so."""

    def __init__(self, word: str, tls: bool, driven: bool) -> None:
        self.name = f"{word}, {'TLS' if tls else 'plain'}"
        self.run = f"idle{word}{tls}{driven}".replace("-", "")
        stalling = server().fault("stall", f"{self.run}driver") if driven else None
        options = server().fault(word, self.run, tls)
        self.process = start(send_all, options, server().given_up(self.run), stalling)

    def problems(self) -> list[str]:
        problems: list[str] = returned(self.process, limit=120)
        counts = server().counts(self.run)
        if (counts["requests_read"], counts["distinct"]) != (SENDS, SENDS):
            problems.append(f"{counts['requests_read']} requests, {counts['distinct']} of them distinct")
        if counts["connections"] < SENDS / 2:
            problems += [f"{counts['connections']} connections, so they were not closed"]
        return [f"{self.name}: {problem}" for problem in problems]


def run_all(driven: bool) -> None:
    """All cases at once."""
    kinds = [(word, False) for word in PLAIN] + [(word, True) for word in TLS]
    running = [Case(word, tls, driven) for word, tls in kinds]
    problems = [problem for case in running for problem in case.problems()]
    assert not problems, "\n".join(problems)


def test_nobody_drives_the_runtime() -> None:
    run_all(driven=False)


def test_another_thread_drives_the_runtime() -> None:
    run_all(driven=True)
