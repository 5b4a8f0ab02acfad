"""What is left on a disk after the power failed, by the record that `powerfail.c` keeps.

Safe is what was synced: the content of a file by a sync of the file, its name by a sync of its directory. Of
what was not, nothing, everything or any part may be left, torn at sectors too. After a sync that failed the
kernel takes what it could not write for clean, so no later sync saves it: it is lost unless written again.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

SECTOR = 512
_HEADER = struct.Struct("<BxxxIQQ")


class Kind(IntEnum):
    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    FAILED_SYNC = 5
    RENAME = 6
    UNLINK = 7
    SYNC_DIRECTORY = 8
    MAKE_DIRECTORY = 9
    # What the test itself puts into the record: from here on something is promised.
    NOTE = 20


class Record(NamedTuple):
    kind: Kind
    file: int
    offset: int
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode()


class Log:
    """The record of one run. Notes go to its end, as everything does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND, 0o600)

    def note(self, text: str) -> None:
        data = text.encode()
        os.write(self._file, _HEADER.pack(Kind.NOTE, len(data), 0, 0) + data)

    def close(self) -> None:
        os.close(self._file)

    def records(self) -> Iterator[Record]:
        with open(self.path, "rb") as log:
            while len(header := log.read(_HEADER.size)) == _HEADER.size:
                kind, length, file, offset = _HEADER.unpack(header)
                data = log.read(length)
                if len(data) < length:
                    return
                yield Record(Kind(kind), file, offset, data)


class Change(NamedTuple):
    """A write, or without data a new length."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
            return
        end = self.offset + len(self.data)
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        content[self.offset : end] = self.data


class Renaming(NamedTuple):
    """A name that comes, goes, or becomes another."""

    kind: Kind
    name: str
    new: str
    file: int


@dataclass
class File:
    safe: bytearray = field(default_factory=bytearray)
    unsafe: list[Change] = field(default_factory=list)


def _some(changes: list[Change], chance: random.Random) -> Iterator[Change]:
    """Any part of the changes; some of them torn."""
    keep = chance.random()
    for change in changes:
        if chance.random() > keep:
            continue
        if change.data is None or chance.random() < 0.7:
            yield change
            continue
        for start in range(0, len(change.data), SECTOR):
            if chance.random() < 0.5:
                yield Change(change.offset + start, change.data[start : start + SECTOR])


class Disk:
    """A directory as it is on the disk, moment by moment."""

    def __init__(self, directory: Path, chance: random.Random) -> None:
        """Begins with what is in the directory, which is all safe."""
        self._chance = chance
        self._files: dict[int, File] = {}
        self._directories = {""}
        self._names: dict[str, int] = {}
        # Inodes are used again: the kernel's number of each file, and ours.
        self._numbers: dict[int, int] = {}
        self._unsafe_names: list[Renaming] = []
        for path in sorted(directory.rglob("*")):
            name = "/" + str(path.relative_to(directory))
            if path.is_dir():
                self._directories.add(name)
            else:
                number = self._add(path.stat().st_ino)
                self._files[number].safe.extend(path.read_bytes())
                self._names[name] = number

    def _add(self, inode: int) -> int:
        number = len(self._files)
        self._files[number] = File()
        self._numbers[inode] = number
        return number

    def apply(self, record: Record) -> None:
        kind = record.kind
        if kind is Kind.CREATE:
            self._unsafe_names.append(Renaming(kind, record.text, "", self._add(record.file)))
        elif kind is Kind.MAKE_DIRECTORY or kind is Kind.UNLINK:
            self._unsafe_names.append(Renaming(kind, record.text, "", 0))
        elif kind is Kind.RENAME:
            old, new = record.text.split("\n")
            self._unsafe_names.append(Renaming(kind, old, new, 0))
        elif kind is Kind.SYNC_DIRECTORY:
            self._sync_names(record.text)
        elif kind is not Kind.NOTE:
            self._change(self._files[self._numbers[record.file]], record)

    def _change(self, file: File, record: Record) -> None:
        if record.kind is Kind.WRITE:
            file.unsafe.append(Change(record.offset, record.data))
        elif record.kind is Kind.TRUNCATE:
            file.unsafe.append(Change(record.offset, None))
        else:
            reached = file.unsafe
            if record.kind is Kind.FAILED_SYNC:
                reached = list(_some(reached, self._chance)) if self._chance.random() < 0.5 else []
            for change in reached:
                change.apply(file.safe)
            file.unsafe = []

    def _sync_names(self, directory: str) -> None:
        left = []
        for renaming in self._unsafe_names:
            if os.path.dirname(renaming.name).rstrip("/") == directory:
                _rename(self._names, self._directories, renaming)
            else:
                left.append(renaming)
        self._unsafe_names = left

    def fail(self, target: Path, chance: random.Random) -> None:
        """Writes what a power failure now may leave into an empty directory."""
        names, directories = dict(self._names), set(self._directories)
        how = chance.choice(["nothing", "everything", "some", "some"])
        for renaming in self._names_left(how, chance):
            _rename(names, directories, renaming)
        for name in sorted(directories):
            (target / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
        for name, number in names.items():
            if os.path.dirname(name).rstrip("/") in directories:
                content = self._content_left(self._files[number], how, chance)
                (target / name.lstrip("/")).write_bytes(content)

    def _names_left(self, how: str, chance: random.Random) -> list[Renaming]:
        everything = len(self._unsafe_names)
        # A journal keeps their order.
        count = {"nothing": 0, "everything": everything, "some": chance.randint(0, everything)}[how]
        return self._unsafe_names[:count]

    def _content_left(self, file: File, how: str, chance: random.Random) -> bytes:
        content = bytearray(file.safe)
        if how != "nothing":
            for change in file.unsafe if how == "everything" else _some(file.unsafe, chance):
                change.apply(content)
        return bytes(content)


def _rename(names: dict[str, int], directories: set[str], renaming: Renaming) -> None:
    kind, name, new, number = renaming
    if kind is Kind.CREATE:
        names[name] = number
    elif kind is Kind.MAKE_DIRECTORY:
        directories.add(name)
    elif kind is Kind.UNLINK:
        names.pop(name, None)
    elif name in names:
        names[new] = names.pop(name)
