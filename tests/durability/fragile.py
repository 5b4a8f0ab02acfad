"""The library of `powerfail.c` around a process: its record, and faults that are armed while it runs."""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

from counts import LONG
from disk import Log

# What can fail, as in powerfail.c.
WRITE, SYNC, OPEN = 2, 4, 10

_FIELDS = ["kind", "at", "times", "error", "fired", "room", "clock", "lying_log"]
_NUMBER = struct.Struct("=q")


class Control:
    """`struct control`, by the names of its fields."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(_NUMBER.size * len(_FIELDS)))
        with open(path, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self["room"] = -1

    def __getitem__(self, name: str) -> int:
        return int(_NUMBER.unpack_from(self._memory, _NUMBER.size * _FIELDS.index(name))[0])

    def __setitem__(self, name: str, value: int) -> None:
        _NUMBER.pack_into(self._memory, _NUMBER.size * _FIELDS.index(name), value)

    def arm(self, kind: int, at: int, error: int, times: int = 1) -> None:
        """Makes the `at`-th operation of this kind from now on fail, and so many in all."""
        self.disarm()
        for name, value in {"at": at, "times": times, "error": error, "kind": kind}.items():
            self[name] = value

    def disarm(self) -> None:
        self["kind"] = 0

    def wait_until_fired(self, more_than: int) -> None:
        end = time.monotonic() + LONG
        while self["fired"] <= more_than:
            assert time.monotonic() < end, "the fault was never met"
            time.sleep(0.001)

    def close(self) -> None:
        self._memory.close()


class Fragile:
    """A directory on a disk that can fail."""

    def __init__(self, library: Path, place: Path) -> None:
        self.directory = place / "disk"
        self.directory.mkdir(parents=True)
        self.control = Control(place / "control")
        self.log = Log(place / "log")
        self.environment = {
            "LD_PRELOAD": str(library),
            "POWERFAIL_DIR": os.path.realpath(self.directory),
            "POWERFAIL_LOG": str(self.log.path),
            "POWERFAIL_CONTROL": str(place / "control"),
        }

    def file(self, name: str) -> Path:
        """A file on it, by the path that the library knows."""
        return Path(self.environment["POWERFAIL_DIR"]) / name

    def close(self) -> None:
        self.control.close()
        self.log.close()
