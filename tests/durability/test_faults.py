"""Writes, syncs and opens fail, the n-th one and then the next.

Nothing is promised that does not hold, even if the power fails too, and all works again without the fault.
"""

from __future__ import annotations

import errno
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from calls import Caller
from counts import FAULTS, LONG, POWER_CUTS, SEED
from disk import Disk
from figures import Figures
from fragile import OPEN, SYNC, WRITE, Fragile
from programs import Program, stored
from service import Service
from test_power import Received, Sent, call_of, failures

# What a system call says. Half a write and an interrupted one are simply continued.
FAILURES = [(WRITE, errno.EIO), (WRITE, errno.ENOSPC), (SYNC, errno.EIO), (SYNC, errno.ENOSPC)]
HARMLESS = [(WRITE, 0), (WRITE, errno.EINTR)]


class Receiver:
    """A receiver on a fragile disk, and what it acknowledged."""

    def __init__(self, fragile: Fragile, workers: int = 0, first: int = 0) -> None:
        self.fragile = fragile
        self.acknowledged: set[str] = set()
        self.refused = 0
        self.file = fragile.file("inbox.db")
        self.program = Program(
            "serve", self.file, workers, environment=fragile.environment, on_line=self._said
        )
        port = self.program.port()
        assert port is not None, self.program.lines
        self._caller, self._next = Caller(port), first

    def _said(self, line: str) -> None:
        if line.startswith("handled "):
            self.fragile.log.note(f"handled {line.split()[2]}")

    def call(self, size: int = 0) -> bool:
        """Makes one call with a new event; whether it was acknowledged. It is answered in any case."""
        key, self._next = str(self._next), self._next + 1
        status = self._caller.call(call_of(key, size))
        assert status in {200, 503}, status
        if status == 503:
            self.refused += 1
            return False
        self.fragile.log.note(f"acknowledged {key}")
        self.acknowledged.add(key)
        return True

    def recovers(self) -> bool:
        """Without the fault the next calls are acknowledged again."""
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            if self.call():
                return True
            time.sleep(0.01)
        return False

    def kill(self) -> None:
        self._caller.close()
        self.program.kill()

    def lost(self) -> list[str]:
        """Kills the process and compares."""
        self.kill()
        copies = Counter(event["key"] for event in stored(self.file))
        return [key for key in self.acknowledged if copies[key] != 1] + [
            key for key in copies if copies[key] > 1
        ]


def after_power_failures(
    disk: Disk, fragile: Fragile, memory: Path, chance: random.Random
) -> tuple[int, int]:
    """Lets the power fail between the faults; gives the number of promises, and of the broken ones."""
    received, broken = Received(0), 0
    for left in failures(disk, fragile.log, memory, POWER_CUTS // 2, chance, received.note):
        broken += len(received.broken(left / "inbox.db"))
    return received.promises, broken


def test_a_receiver_whose_disk_fails(fragile: Fragile, memory: Path, figures: Figures) -> None:
    chance = random.Random(SEED)
    disk = Disk(fragile.directory, chance)
    receiver, control = Receiver(fragile, workers=1), fragile.control
    for n in range(FAULTS):
        for kind, error in FAILURES:
            fired, refused = control["fired"], receiver.refused
            control.arm(kind, 1 + n % 12, error, chance.choice([1, 1, 2, 10]))
            end = time.monotonic() + LONG
            while control["fired"] == fired:
                assert time.monotonic() < end, "the fault was never met"
                receiver.call()
            if chance.random() < 0.5:
                receiver.call()
            if chance.random() < 0.3 and receiver.refused > refused:
                # The file cannot even be opened anew.
                control.arm(OPEN, 1, error, 1)
                receiver.call()
            control.disarm()
            assert receiver.recovers()
    fired = control["fired"]
    lost = receiver.lost()
    note = f"{receiver.refused} answers of 503"
    figures.add("failing writes, syncs, opens; receive", fired, len(receiver.acknowledged), len(lost), note)
    assert lost == []
    assert fired >= 4 * FAULTS
    # Each refusal has its fault; what handlers meant to write down takes the other faults.
    assert receiver.refused > 0
    promises, broken = after_power_failures(disk, fragile, memory, chance)
    figures.add("the same, and the power fails too", POWER_CUTS // 2, promises, broken)
    assert broken == 0


def test_half_a_write_and_an_interrupted_one_are_continued(fragile: Fragile, figures: Figures) -> None:
    receiver, control = Receiver(fragile), fragile.control
    for n in range(FAULTS):
        for kind, error in HARMLESS:
            fired = control["fired"]
            control.arm(kind, 1 + n % 12, error)
            while control["fired"] == fired:
                assert receiver.call()
    control.disarm()
    fired = control["fired"]
    lost = receiver.lost()
    figures.add("half and interrupted writes, receive", fired, len(receiver.acknowledged), len(lost))
    assert lost == []


def used_directory(fragile: Fragile, place: Path) -> Path:
    """One in which a process was killed that had stored twenty events."""
    receiver = Receiver(fragile)
    for _ in range(20):
        assert receiver.call()
    receiver.kill()
    return Path(shutil.copytree(fragile.directory, place))


@pytest.mark.parametrize("kind", [OPEN, WRITE, SYNC], ids=["open", "write", "sync"])
@pytest.mark.parametrize("events", [0, 20])
def test_opening_fails_and_then_works(
    kind: int, events: int, fragile: Fragile, memory: Path, figures: Figures, request: pytest.FixtureRequest
) -> None:
    control, file, refused = fragile.control, fragile.file("inbox.db"), 0
    begin = used_directory(fragile, memory / "used") if events else memory / "empty"
    begin.mkdir(exist_ok=True)
    for n in range(1, 1000):
        shutil.rmtree(fragile.directory)
        shutil.copytree(begin, fragile.directory)
        fired = control["fired"]
        control.arm(kind, n, errno.EIO)
        program = Program("serve", file, 0, environment=fragile.environment)
        if program.port() is None:
            assert program.join() == 3
            assert program.said("failed")[0].startswith("storage: "), program.lines
            refused += 1
        else:
            assert program.end() == 0
        control.disarm()
        if control["fired"] == fired:
            break
        receiver = Receiver(fragile, first=events)
        assert receiver.call()
        assert receiver.lost() == []
        assert len(stored(file)) == events + 1
    else:
        pytest.fail("there is no end of it")
    # An inbox that is there is opened without writing to it.
    assert refused > 0 or (kind == WRITE and events)
    name = request.node.callspec.id.split("-")[-1]
    figures.add(f"every {name} fails at the start ({events} events)", n - 1, n - 1, 0, f"{refused} said so")


@pytest.mark.parametrize("run", range(max(FAULTS // 40, 1)))
def test_an_outbox_whose_disk_fails(run: int, fragile: Fragile, memory: Path, figures: Figures) -> None:
    chance = random.Random(f"{SEED} {run}")
    disk, sent, control, log = Disk(fragile.directory, chance), Sent(), fragile.control, fragile.log
    service = Service(lambda number: log.note(f"arrived {number}"))

    def said(line: str) -> None:
        if line.startswith("put "):
            log.note(line)

    count = 400
    file = fragile.file("outbox.db")
    program = Program(
        "put", file, service.url, "surface", 1, count, environment=fragile.environment, on_line=said
    )
    program.wait_for("put")
    while not program.said("all") and program.process.poll() is None:
        kind, error = chance.choice(FAILURES)
        control.arm(kind, chance.randint(1, 20), error)
        time.sleep(0.01)
    control.disarm()
    program.wait_for("all")
    fired = control["fired"]
    put, refused = len(program.said("put")), len(program.said("refused"))
    assert put + refused == count
    program.kill()
    service.close()
    broken: list[str] = []
    promised = 0
    for left in failures(disk, log, memory, max(POWER_CUTS // 10, 2), chance, sent.note):
        promised += len(sent.put)
        if (left / "outbox.db").exists():
            broken += sent.broken(left / "outbox.db", "surface")
    figures.add(
        "failing writes and syncs, outbox; power fails", fired, promised, len(broken), f"{refused} refused"
    )
    assert broken == []
    assert fired > 0
    assert refused > 0
