"""The disk is full: calls are refused, nothing that was promised is lost; with room again all goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import Caller
from counts import FULL_DISKS
from figures import Figures
from fragile import Fragile
from programs import Program, run, stored
from service import Service
from test_faults import Receiver
from test_power import call_of


@pytest.mark.parametrize("workers", [0, 1])
def test_a_receiver_on_a_full_disk(workers: int, fragile: Fragile, figures: Figures) -> None:
    receiver, control = Receiver(fragile, workers), fragile.control
    for n in range(FULL_DISKS):
        for _ in range(20):
            assert receiver.call(2000)
        refused = receiver.refused
        control["room"] = 1 + 5003 * n
        while receiver.refused < refused + 3:
            receiver.call(2000)
        control["room"] = -1
        assert receiver.recovers()
    lost = receiver.lost()
    note = f"{receiver.refused} answers of 503"
    name = f"full disk, receive{' and handle' if workers else ''}"
    figures.add(name, FULL_DISKS, len(receiver.acknowledged), len(lost), note)
    assert lost == []


def test_an_outbox_on_a_full_disk(fragile: Fragile, service: Service, figures: Figures) -> None:
    file, control = fragile.file("outbox.db"), fragile.control
    arguments = ("put", file, service.url, "surface", 1, 100_000)
    program = Program(*arguments, environment=fragile.environment)
    for n in range(1, FULL_DISKS + 1):
        put = len(program.wait_for("put"))
        control["room"] = 10_007 * n
        program.wait_for("refused", len(program.said("refused")) + 3)
        control["room"] = -1
        put = len(program.said("put"))
        program.wait_for("put", put + 20)
    program.kill()
    promised = {int(number) for number in program.said("put")}
    drained = run("drain", file, service.url, "surface")
    assert drained.said("left") == ["0"]
    lost = [number for number in promised if service.arrivals[number] != 1]
    doubtful = len([line for line in drained.said("report") if "maybe_sent" in line])
    # What was leaving when the process was killed may have arrived or not.
    broken = max(0, len(lost) - doubtful)
    note = f"{len(program.said('refused'))} refused"
    figures.add("full disk, outbox", FULL_DISKS, len(promised), broken, note)
    assert broken == 0
    assert max(service.arrivals.values()) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk; the other tests of full disks need none")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_receiver_on_a_disk_that_is_really_full(small_disk: Path, figures: Figures) -> None:
    file = small_disk / "inbox.db"
    program = Program("serve", file, 0)
    caller, acknowledged, refused = Caller(program.port() or 0), set(), 0
    for n in range(100_000):
        status = caller.call(call_of(str(n), 2000))
        assert status in {200, 503}
        if status == 200:
            acknowledged.add(str(n))
        else:
            refused += 1
        if refused == 20:
            break
    assert shutil.disk_usage(small_disk).free < 8192
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert caller.call(call_of("-1", 2000)) == 200
    caller.close()
    program.kill()
    copies = Counter(event["key"] for event in stored(file))
    lost = [key for key in acknowledged if copies[key] != 1]
    figures.add("disk of 1 MiB, receive", 1, len(acknowledged), len(lost), f"{refused} answers of 503")
    assert lost == []
    assert copies["-1"] == 1
