"""The clock of the wall jumps, handlers stall for longer than their leases, events have equal bodies."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from pathlib import Path

from calls import Caller, Calls, body
from counts import FIGHT_EVENTS, JUMPS, SEED
from figures import Figures
from fragile import Fragile
from programs import Program, run, stored
from service import Service

DAY = 24 * 3600 * 10**9


class Jumps:
    """Sets the clock of a process by up to two days, again and again."""

    def __init__(self, fragile: Fragile, chance: random.Random) -> None:
        self.count = 0
        self._fragile, self._chance = fragile, chance
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(0.02):
            self._fragile.control["clock"] = self._chance.randint(-2 * DAY, 2 * DAY)
            self.count += 1

    def until(self, count: int) -> None:
        while self.count < count:
            time.sleep(0.01)

    def stop(self) -> None:
        self._end.set()
        self._thread.join()


def test_events_while_the_clock_jumps(fragile: Fragile, figures: Figures) -> None:
    jumps = Jumps(fragile, random.Random(SEED))
    file = fragile.file("inbox.db")
    program = Program("serve", file, 4, environment=fragile.environment)
    port = program.port()
    assert port is not None
    acknowledged: Counter[str] = Counter()
    rounds = 0
    while jumps.count < JUMPS:
        # Each of them twice: the second one is a repetition.
        keys = [str(100 * rounds + n) for n in range(100)] * 2
        calls = [(key, body(key, f"t{int(key) % 7}")) for key in keys]
        Calls(port, calls, 4, lambda key, status: acknowledged.update([key] if status == 200 else [])).join()
        rounds += 1
    program.wait_for("handled", 100 * rounds)
    jumps.stop()
    assert program.end() == 0
    assert len(acknowledged) == 100 * rounds
    assert set(acknowledged.values()) == {2}
    copies = Counter(event["key"] for event in stored(file))
    handled = Counter(program.said("handled"))
    twice = [name for name, count in handled.items() if count > 1]
    broken = len(twice) + len([key for key in acknowledged if copies[key] != 1])
    figures.add("the clock jumps by two days, receive", jumps.count, len(acknowledged), broken)
    assert broken == 0
    # In the order of their numbers, which is that of their commits.
    for thread in range(7):
        names = [name.split() for name in program.said("seen")]
        numbers = [int(number) for number, key in names if int(key) % 7 == thread]
        assert numbers == sorted(numbers)


def test_messages_while_the_clock_jumps(fragile: Fragile, service: Service, figures: Figures) -> None:
    jumps = Jumps(fragile, random.Random(SEED))
    file, count = fragile.file("outbox.db"), min(10 * JUMPS, 4000)
    program = Program("put", file, service.url, "surface", 1, count, environment=fragile.environment)
    assert len(program.wait_for("put", count)) == count
    jumps.until(JUMPS)
    jumps.stop()
    assert program.end() == 0
    drained = run("drain", file, service.url, "surface")
    assert drained.said("left") == ["0"]
    outcomes = Counter(json.loads(report)["outcome"] for report in drained.said("report"))
    broken = [n for n in range(1, count + 1) if service.arrivals[n] != 1]
    figures.add("the clock jumps by two days, outbox", jumps.count, count, len(broken))
    assert broken == []
    assert outcomes == {"sent": count}


def test_two_consumers_that_stall(memory: Path, figures: Figures) -> None:
    file = memory / "inbox.db"
    program = Program("serve", file, 0)
    acknowledged = []
    calls = [(str(n), body(str(n), f"t{n % 9}")) for n in range(FIGHT_EVENTS)]
    Calls(program.port() or 0, calls, 4, lambda key, status: acknowledged.append((key, status))).join()
    assert [status for _, status in acknowledged] == [200] * FIGHT_EVENTS
    assert program.end() == 0
    fight = run("fight", file, 60)
    acked, late = Counter(fight.said("acked")), fight.said("late")
    twice = [number for number, count in acked.items() if count > 1]
    figures.add(
        "two consumers that stall", FIGHT_EVENTS, len(acked), len(twice), f"{len(late)} were too late"
    )
    assert twice == []
    assert len(acked) == FIGHT_EVENTS
    assert late, "nobody ever lost a lease"
    assert all(event["state"] == "handled" for event in stored(file))


def test_pausing_twice_is_two_events(memory: Path, figures: Figures) -> None:
    program = Program("serve", memory / "inbox.db", 1)
    caller = Caller(program.port() or 0)
    pause, resume = (
        json.dumps({"type": kind, "threadId": "t"}).encode() for kind in ["control.paused", "control.resumed"]
    )
    for content in [pause, resume, pause]:
        assert caller.call(content) == 200
    caller.close()
    assert len(program.wait_for("handled", 3)) == 3
    assert program.end() == 0
    hashes = [event["sha256"] for event in stored(memory / "inbox.db")]
    assert [hashes.count(each) for each in hashes] == [2, 1, 2]
    figures.add("pause, resume, pause", 1, 3, 3 - len(hashes))
