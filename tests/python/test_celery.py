"""A client of a module in a real worker of Celery: used in the parent, then in each of its children."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flowai
from children import HERE
from servers import LIMIT, wait_until

CHILDREN = 3


class Worker:
    """`celery worker` with a pool of forked children."""

    def __init__(self, **environment: str) -> None:
        command = (sys.executable, "-X", "faulthandler", "-m", "celery", "-A", "celery_app", "worker")
        options = ("--pool", "prefork", "--concurrency", str(CHILDREN), "--loglevel", "INFO")
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        self.log = Path(os.environ["CELERY_FOLDER"], f"{len(os.listdir(os.environ['CELERY_FOLDER']))}.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options, *quiet],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=os.environ["CELERY_FOLDER"],
                env={**os.environ, "PYTHONPATH": HERE, "CELERY_WORKER": "1", **environment},
            )
        self.wait(lambda: " ready." in self.text())

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, done: Callable[[], object]) -> None:
        def look() -> object:
            assert self.process.poll() is None, self.text()
            return done()

        wait_until(look, self.text)

    def stop(self) -> int:
        """Warm: tasks that have begun are finished."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(LIMIT)
            raise AssertionError(self.text()) from None


@pytest.fixture
def start(
    sandbox: flowai.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Worker]]:
    for folder in ("queue", "control"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("CELERY_FOLDER", str(tmp_path))
    monkeypatch.setenv("FLOWAI_API_KEY", sandbox.api_key)
    monkeypatch.setenv("FLOWAI_BASE_URL", sandbox.base_url)
    workers: list[Worker] = []

    def start(**environment: str) -> Worker:
        workers.append(Worker(**environment))
        return workers[-1]

    yield start
    for worker in workers:
        if worker.process.poll() is None:
            worker.stop()


@pytest.fixture
def tasks(start: object, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, as a program that gives work to the workers has it."""
    monkeypatch.delitem(sys.modules, "celery_app", raising=False)
    return importlib.import_module("celery_app")


def sent(sandbox: flowai.Sandbox) -> list[tuple[int, int]]:
    """The process and the number of each message of a child, as they came."""
    bodies = [request.body for request in sandbox.requests if "child" in request.path]
    found = [re.search(rb'"(\d+) (\d+)"', body) for body in bodies]
    return [(int(each[1]), int(each[2])) for each in found if each]


def test_children_send_and_are_killed(
    start: Callable[..., Worker], tasks: Any, sandbox: flowai.Sandbox
) -> None:
    worker = start()
    assert [request.path for request in sandbox.requests] == ["/rest/v1/messages/parent"]
    for number in range(12):
        tasks.send.delay(number, 0.05)
    worker.wait(lambda: len(sent(sandbox)) == 12)
    assert len({pid for pid, _ in sent(sandbox)}) >= 2
    # Two are killed before they send; others, forked from the parent, do it for them.
    begun = Path(os.environ["CELERY_FOLDER"], "begun")
    for number in (12, 13):
        tasks.send.delay(number, 2.0)
        worker.wait(lambda number=number: begun.exists() and len(begun.read_text().split()) > number - 12)
        os.kill(int(begun.read_text().split()[-1]), signal.SIGKILL)
        worker.wait(lambda: "signal 9 (SIGKILL)" in worker.text())
    for number in range(14, 24):
        tasks.send.delay(number, 0.05)
    worker.wait(lambda: len(sent(sandbox)) == 24)
    assert worker.stop() == 0
    assert sorted(number for _, number in sent(sandbox)) == [*range(24)]


def test_a_warm_shutdown_in_the_middle(
    start: Callable[..., Worker], tasks: Any, sandbox: flowai.Sandbox
) -> None:
    # Children end after two tasks each, so forks happen while others send.
    worker = start(CELERY_TASKS_PER_CHILD="2")
    for number in range(20):
        tasks.send.delay(number, 0.1)
    worker.wait(lambda: len(sent(sandbox)) >= 6)
    assert worker.stop() == 0
    after_first = len(sent(sandbox))
    # What had not begun is left to the next worker.
    assert after_first < 20
    worker = start(CELERY_TASKS_PER_CHILD="2")
    worker.wait(lambda: len(sent(sandbox)) == 20)
    assert worker.stop() == 0
    assert sorted(number for _, number in sent(sandbox)) == [*range(20)]
    assert len({pid for pid, _ in sent(sandbox)}) >= 5
