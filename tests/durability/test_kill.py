"""The process is killed: at random moments, and at every named step. What was promised before holds after."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import Calls, body
from counts import KILLS, SEED, STEP_KILLS
from figures import Figures
from programs import Program, run, stored
from service import Service

RECEIVING_STEPS = ["storage.begin", "storage.commit", "storage.committed", "inbox.put"]
HANDLING_STEPS = ["inbox.lease", "inbox.settle"]
SENDING_STEPS = [
    "storage.begin",
    "storage.commit",
    "storage.committed",
    "outbox.copying",
    "outbox.copied",
    "outbox.spooling",
    "outbox.spooled",
    "outbox.enqueued",
    "outbox.imported",
    "outbox.removed",
    "outbox.sending",
    "outbox.answered",
    "outbox.settled",
]


def batches(count: int) -> Iterator[range]:
    """So many lives, in files of their own that do not grow too large."""
    for start in range(0, count, 12):
        yield range(start, min(start + 12, count))


class Inbox:
    """Events that are sent to one inbox over many lives of its process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.acknowledged: set[str] = set()
        self.handled: set[str] = set()
        self.broken: list[str] = []
        self._keys = itertools.count()
        self._open: list[str] = []
        self._lock = threading.Lock()

    def _calls(self, count: int) -> list[tuple[str, bytes]]:
        # What was not acknowledged comes first, as Flow.ai would send it again.
        keys = [key for key in self._open if key not in self.acknowledged]
        self._open = keys + [str(n) for n in itertools.islice(self._keys, max(count - len(keys), 0))]
        return [(key, body(key, f"t{int(key) % 13}")) for key in self._open]

    def _answered(self, key: str, status: int) -> None:
        if status == 200:
            with self._lock:
                self.acknowledged.add(key)

    def _said(self, line: str) -> None:
        word, _, name = line.partition(" ")
        if word in {"seen", "handled"} and name in self.handled:
            self.broken.append(f"{line}, which was acknowledged before")
        if word == "handled":
            self.handled.add(name)

    def live(self, events: int, workers: int, seconds: float | None = None, failpoints: str = "") -> int:
        """One life of the process: killed after so long, or by a failpoint. Gives its exit code."""
        program = Program(
            "serve", self.file, workers, environment={"FLOWAI_FAILPOINTS": failpoints}, on_line=self._said
        )
        port = program.port()
        if port is None:
            return program.join()
        calls = Calls(port, self._calls(events), 4, self._answered)
        if seconds is None:
            calls.join()
            program.process.stdin.close()  # type: ignore[union-attr]
            return program.join()
        time.sleep(seconds)
        code = program.kill()
        calls.join()
        return code

    def repeat_nothing(self) -> None:
        self._open = []

    def finish(self) -> None:
        """Handles what is left and compares what is there with what was promised."""
        program = Program("serve", self.file, 0)
        calls = Calls(program.port() or 0, self._calls(0), 1, self._answered)
        calls.join()
        assert program.end() == 0
        run("handle", self.file, on_line=self._said)
        events = stored(self.file)
        copies = Counter(event["key"] for event in events)
        self.broken += [
            f"{key} is there {copies[key]} times" for key in self.acknowledged if copies[key] != 1
        ]
        self.broken += [
            f"{event['key']} is {event['state']}" for event in events if event["state"] != "handled"
        ]
        assert self.broken == []


def test_received_and_handled_events_survive_kills(memory: Path, figures: Figures) -> None:
    chance = random.Random(SEED)
    acknowledged = 0
    for batch in batches(KILLS):
        inbox = Inbox(memory / f"{batch.start}.db")
        for _ in batch:
            seconds = chance.uniform(0, 0.4)
            assert inbox.live(2_000, chance.choice([0, 1, 4]), seconds) == -signal.SIGKILL
        inbox.finish()
        acknowledged += len(inbox.acknowledged)
    assert acknowledged > 10 * KILLS
    figures.add("kill -9, receive and handle", KILLS, acknowledged, 0)


@pytest.mark.parametrize("step", RECEIVING_STEPS + HANDLING_STEPS)
def test_received_and_handled_events_survive_a_kill_at(step: str, memory: Path, figures: Figures) -> None:
    chance = random.Random(f"{SEED} {step}")
    inbox = Inbox(memory / "inbox.db")
    for n in range(STEP_KILLS):
        # The first times it may be about opening the file.
        at = chance.randint(1, 6) if n % 2 else chance.randint(7, 40)
        code = inbox.live(
            200, 2 if step in HANDLING_STEPS else chance.choice([0, 2]), None, f"{step}=kill@{at}"
        )
        assert code == -signal.SIGKILL, f"{step} was not reached {at} times"
    inbox.finish()
    figures.add(f"kill -9 at {step}", STEP_KILLS, len(inbox.acknowledged), len(inbox.broken))


def test_a_loss_would_be_noticed(memory: Path, figures: Figures) -> None:
    """The control: the file of a moment before is put back, and what was acknowledged since is missed."""
    before, after = memory / "before", memory / "after"
    inbox = Inbox(after / "inbox.db")
    after.mkdir()
    inbox.live(2_000, 0, 0.2)
    shutil.copytree(after, before)
    earlier = len(inbox.acknowledged)
    inbox.live(2_000, 0, 0.2)
    shutil.rmtree(after)
    before.rename(after)
    inbox.repeat_nothing()
    with pytest.raises(AssertionError, match="is there 0 times"):
        inbox.finish()
    # Some had been committed before, and not acknowledged.
    assert 0 < len(inbox.broken) <= len(inbox.acknowledged) - earlier
    note = "must be noticed"
    figures.add("control: an older file is put back", 1, len(inbox.acknowledged), len(inbox.broken), note)


class Outbox:
    """Messages that are put into one outbox over many lives of its process."""

    # Numbers of messages, for all of them: they share a service.
    numbers = itertools.count(1)

    def __init__(self, file: Path, service: Service, policy: str) -> None:
        self.file, self.service, self.policy = file, service, policy
        self.put: set[int] = set()
        self.may_be_there: set[int] = set()

    def live(self, messages: int, seconds: float | None = None, failpoints: str = "") -> int:
        first = next(self.numbers) * 10_000
        arguments = ("put", self.file, self.service.url, self.policy, first, messages)
        program = Program(*arguments, environment={"FLOWAI_FAILPOINTS": failpoints})
        self.may_be_there.update(range(first, first + messages))
        if seconds is None:
            program.wait_for("all")
            # What others have put is taken in a moment later.
            program.wait_for_end(3)
            code = program.end()
        else:
            time.sleep(seconds)
            code = program.kill()
        self.put |= {int(number) for number in program.said("put")}
        return code

    def finish(self) -> tuple[int, int]:
        """Sends what is left and compares; gives how many were doubtful, and how many of them arrived."""
        program = run("drain", self.file, self.service.url, self.policy)
        assert program.said("left") == ["0"]
        reports = {}
        for report in map(json.loads, program.said("report")):
            assert report["message"] not in reports, f"{report} is the second one"
            reports[report["message"]] = report
        arrivals = self.service.arrivals
        broken = [f"{number} has no report" for number in self.put if number not in reports]
        for number, report in reports.items():
            times = arrivals[number]
            good = {
                ("surface", "sent"): times == 1,
                ("surface", "maybe_sent"): times <= 1,
                ("repeat", "sent"): 1 <= times <= 1 + report["ambiguous"],
            }
            if not good.get((self.policy, report["outcome"])):
                broken.append(f"{report} arrived {times} times")
        assert set(arrivals) & self.may_be_there <= set(reports) <= self.may_be_there
        assert broken == []
        doubtful = [number for number, report in reports.items() if report["ambiguous"]]
        return len(doubtful), sum(1 for number in doubtful if arrivals[number])


POLICIES = pytest.mark.parametrize("policy", ["surface", "repeat"])


@POLICIES
def test_messages_survive_kills(policy: str, memory: Path, service: Service, figures: Figures) -> None:
    chance = random.Random(f"{SEED} {policy}")
    put = doubtful = arrived = 0
    for batch in batches(KILLS):
        outbox = Outbox(memory / f"{batch.start}.db", service, policy)
        for _ in batch:
            assert outbox.live(2_000, chance.uniform(0, 0.4)) == -signal.SIGKILL
        here, there = outbox.finish()
        put, doubtful, arrived = put + len(outbox.put), doubtful + here, arrived + there
    assert put > 5 * KILLS
    # Messages leave all the time, so some processes must have died while one did.
    assert doubtful > 0
    note = f"{doubtful} maybe_sent, {arrived} of them arrived"
    figures.add(f"kill -9, outbox ({policy})", KILLS, put, 0, note)


@POLICIES
def test_messages_survive_a_kill_at_every_step(
    policy: str, memory: Path, service: Service, figures: Figures
) -> None:
    chance = random.Random(f"{SEED} {policy}")
    tries = put = doubtful = arrived = 0
    for step in SENDING_STEPS:
        outbox = Outbox(memory / f"{step}.db", service, policy)
        for _ in range(STEP_KILLS):
            # All that others have put is taken in at once.
            at = 1 if step in {"outbox.imported", "outbox.removed"} else chance.randint(1, 5)
            code = outbox.live(60, None, f"{step}=kill@{at}")
            assert code == -signal.SIGKILL, f"{step} was not reached {at} times"
            tries += 1
        here, there = outbox.finish()
        put, doubtful, arrived = put + len(outbox.put), doubtful + here, arrived + there
    assert doubtful > 0
    note = f"{doubtful} maybe_sent, {arrived} of them arrived"
    figures.add(f"kill -9 at {len(SENDING_STEPS)} steps, outbox ({policy})", tries, put, 0, note)
