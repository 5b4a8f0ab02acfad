"""The power fails, at many moments of a run: what was promised until then is there when it comes back.

The control is a disk that does not sync the log, as if the database did not ask it to (`synchronous=NORMAL`).
It must lose events, else these tests would not see a loss.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from calls import Calls, body
from counts import POWER_CUTS, POWER_RUNS, SEED
from disk import Disk, Kind, Log, Record
from figures import Figures
from fragile import Fragile
from programs import Program, run, stored
from service import Service


def failures(
    disk: Disk, log: Log, place: Path, count: int, chance: random.Random, on_note: Callable[[str], None]
) -> Iterator[Path]:
    """Lets the power fail at so many moments of a run, its end among them; gives what is left each time."""
    records: list[Record] = list(log.records())
    moments = {chance.randrange(len(records)) for _ in range(count - 1)} | {len(records) - 1}
    for moment, record in enumerate(records):
        disk.apply(record)
        if record.kind is Kind.NOTE:
            on_note(record.text)
        if moment in moments:
            target = place / "after"
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            disk.fail(target, chance)
            yield target


# So many runs continue with the same files.
CHAIN = 5


class Received:
    """What was promised about the events of an inbox until some moment, and what became of it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.acknowledged: set[str] = set()
        self.handled: set[str] = set()
        self.promises = 0

    def note(self, text: str) -> None:
        what, key = text.split()
        (self.acknowledged if what == "acknowledged" else self.handled).add(key)

    def broken(self, file: Path) -> list[str]:
        self.promises += len(self.acknowledged) + len(self.handled)
        if not file.exists():
            return sorted(self.acknowledged)
        events = stored(file)
        copies = Counter(event["key"] for event in events)
        done = {event["key"] for event in events if event["state"] == "handled"}
        doubled = {key for key, count in copies.items() if count > 1}
        changed = {event["key"] for event in events if event["sha256"] != self._hash(event["key"])}
        return sorted((self.acknowledged - set(copies)) | (self.handled - done) | doubled | changed)

    def _hash(self, key: str) -> str:
        return sha256(call_of(key, self.size)).hexdigest()


def call_of(key: str, size: int) -> bytes:
    return body(key, f"t{int(key) % 13}", size)


def receive(fragile: Fragile, first: int, count: int, size: int) -> None:
    """One run: events are received and handled until the process is killed."""
    file, log = fragile.file("inbox.db"), fragile.log

    def said(line: str) -> None:
        if line.startswith("handled "):
            log.note(f"handled {line.split()[2]}")

    program = Program("serve", file, 2, environment=fragile.environment, on_line=said)
    port = program.port()
    assert port is not None, program.lines
    keys = [str(n) for n in range(first, first + count)]
    calls = Calls(
        port,
        [(key, call_of(key, size)) for key in keys],
        6,
        lambda key, status: log.note(f"acknowledged {key}") if status == 200 else None,
    )
    calls.join()
    program.kill()


def losses(library: Path, memory: Path, lying: bool, size: int) -> tuple[int, int, list[list[str]]]:
    chance = random.Random(f"{SEED} {size}")
    promises, lost, cuts, begin = 0, [], 0, None
    count = max(POWER_CUTS // 4, 2) if size else POWER_CUTS
    for number in range(POWER_RUNS):
        fragile = Fragile(library, memory / "run")
        fragile.control["lying_log"] = int(lying)
        # Some runs begin with what the failure before has left.
        if begin is None or number % CHAIN == 0:
            received = Received(size)
        else:
            shutil.copytree(begin, fragile.directory, dirs_exist_ok=True)
        disk = Disk(fragile.directory, chance)
        receive(fragile, 1000 * number, 300, size)
        for begin in failures(disk, fragile.log, memory, count, chance, received.note):
            cuts += 1
            if broken := received.broken(begin / "inbox.db"):
                lost.append(broken)
        promises += received.promises
        received.promises = 0
        fragile.close()
        shutil.rmtree(memory / "run")
        if lost:
            break
    return cuts, promises, lost


# Large bodies make the log so long that it is moved into the database meanwhile.
@pytest.mark.parametrize("size", [0, 60_000])
def test_events_survive_power_failures(library: Path, memory: Path, size: int, figures: Figures) -> None:
    cuts, promises, lost = losses(library, memory, lying=False, size=size)
    figures.add(f"power failure, receive and handle ({size} B)", cuts, promises, sum(map(len, lost)))
    assert lost == []


def test_a_database_that_does_not_wait_for_the_disk_loses_events(
    library: Path, memory: Path, figures: Figures
) -> None:
    cuts, promises, lost = losses(library, memory, lying=True, size=0)
    figures.add("control: power failure, log not synced", cuts, promises, sum(map(len, lost)), "must lose")
    assert lost


class Sent:
    """What was promised about the messages of an outbox, and which have arrived."""

    def __init__(self) -> None:
        self.put: set[int] = set()
        self.arrived: Counter[int] = Counter()

    def note(self, text: str) -> None:
        what, number = text.split()
        if what == "put":
            self.put.add(int(number))
        else:
            self.arrived[int(number)] += 1

    def broken(self, file: Path, policy: str) -> list[str]:
        """The power is back: what is left is sent, and each message counted."""
        later = Service()
        try:
            program = run("drain", file, later.url, policy)
        finally:
            later.close()
        assert program.said("left") == ["0"]
        outcomes = {}
        for report in map(json.loads, program.said("report")):
            outcomes[report["message"]] = report["outcome"]
        broken = [f"{number} is unknown" for number in self.put - set(outcomes)]
        for number, outcome in outcomes.items():
            times = self.arrived[number] + later.arrivals[number]
            good = {
                ("surface", "sent"): times == 1,
                ("surface", "maybe_sent"): times <= 1,
                ("repeat", "sent"): times >= 1,
            }
            if not good.get((policy, outcome)):
                broken.append(f"{number} is {outcome} and arrived {times} times")
        return broken


def send(fragile: Fragile, policy: str, count: int) -> None:
    log = fragile.log
    service = Service(lambda number: log.note(f"arrived {number}"))

    def said(line: str) -> None:
        if line.startswith("put "):
            log.note(line)

    arguments = ("put", fragile.file("outbox.db"), service.url, policy, 1, count)
    program = Program(*arguments, environment=fragile.environment, on_line=said)
    program.wait_for("all")
    program.kill()
    service.close()
    assert len(program.said("put")) == count


@pytest.mark.parametrize("policy", ["surface", "repeat"])
def test_messages_survive_power_failures(policy: str, library: Path, memory: Path, figures: Figures) -> None:
    chance = random.Random(f"{SEED} {policy}")
    promised, broken, cuts, arrived = 0, [], 0, 0
    for _ in range(POWER_RUNS):
        fragile = Fragile(library, memory / "run")
        disk, sent = Disk(fragile.directory, chance), Sent()
        send(fragile, policy, 60)
        for left in failures(disk, fragile.log, memory, max(POWER_CUTS // 4, 2), chance, sent.note):
            cuts += 1
            promised += len(sent.put)
            arrived += len(sent.arrived)
            if (left / "outbox.db").exists():
                broken += sent.broken(left / "outbox.db", policy)
            else:
                broken += [f"{number} is lost" for number in sent.put]
        fragile.close()
        shutil.rmtree(memory / "run")
    figures.add(f"power failure, outbox ({policy})", cuts, promised, len(broken), f"{arrived} had arrived")
    assert broken == []
