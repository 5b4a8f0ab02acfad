"""`make sizes`: how large libflowai is on small devices, in the file system and in memory.

    python3 scripts/sizes.py [TARGET...]

It installs the library as it is in the profile `device` into build/sizes: with nothing but the client and
the parsing of events, with Mozilla's certificate authorities beside that, and whole. It has a program send
one message to a server on this machine, in the clear and over TLS. For other machines the program runs in
an emulator. What is counted as memory are the pages of the program's own mappings that are there: what the
kernel calls resident, without what the emulator needs for itself.

It fails when the small library is larger than the goals allow.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cross

ROOT = cross.ROOT
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
DEFAULT = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf")
PAGE = 4096
MAX_LIBRARY = 2_200_000
MAX_MEMORY = 3_000_000
MAY_NEED = re.compile(r"lib(c|m|gcc_s)\.(musl-\w+\.)?so.*|ld-(linux|musl).*")

WITHOUT = ("-DFLOWAI_WITHOUT_DELIVERY", "-DFLOWAI_WITHOUT_UPLOAD")
FEATURES = {"small": "client and parsing", "roots": "the same with Mozilla's authorities", "full": "whole"}


def build(target: cross.Target, features: str) -> Path:
    """Build and install the library, and give where it is."""
    print(f"building {target.name}, {features}", file=sys.stderr, flush=True)
    folder = ROOT / "build" / "sizes" / f"{target.name}-{features}"
    settings = {"DESTDIR": str(folder), "PREFIX": "/", "FEATURES": features, "PROFILE": "device"}
    environment = cross.environment(target, small=True) | settings | {"CC": target.compiler[0]}
    command = [str(ROOT / "scripts" / "package-c"), "install"]
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=sys.stderr)
    return folder / "lib" / "libflowai.so"


def needs(library: Path) -> list[str]:
    """Tell which other libraries a library needs."""
    listing = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", listing)


@contextlib.contextmanager
def server() -> Iterator[dict[str, str]]:
    """Run the server of the tests, which takes every message."""
    program = str(TARGET / "debug" / "flowai-testkit")
    command = [program, "serve", "--vectors", str(ROOT / "tests" / "vectors")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()


def mappings(lines: list[str]) -> list[tuple[int, int, str]]:
    """Read where memory is: start, end, and what it is."""
    found = []
    for line in lines:
        if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+ *(.*)", line):
            found.append((int(match[1], 16), int(match[2], 16), match[3]))
    return found


def resident(pid: int, own: list[tuple[int, int, str]]) -> int:
    """Count the bytes of a program's mappings that are in memory.

    An emulator may have moved them all by the same distance, which the place of the library tells.
    """
    seen = mappings(Path(f"/proc/{pid}/maps").read_text().splitlines())

    def library(maps: list[tuple[int, int, str]]) -> int:
        return min(start for start, _, name in maps if "/libflowai.so" in name)

    moved = library(seen) - library(own)
    count = 0
    with Path(f"/proc/{pid}/pagemap").open("rb") as pagemap:
        for start, end, name in own:
            if name in ("[vsyscall]", "[vvar]", "[vdso]"):
                continue
            pagemap.seek((start + moved) // PAGE * 8)
            entries = pagemap.read((end - start) // PAGE * 8)
            # Bit 63: the page is there. Bit 62: it was, and is on the disk now.
            count += sum(entry >> 62 != 0 for (entry,) in struct.iter_unpack("<Q", entries))
    return count * PAGE


def memory(target: cross.Target, features: str, library: Path, base_url: str, *arguments: str) -> int:
    """Have a program send one message, and count its memory."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "memory"
        without = WITHOUT if features != "full" else ()
        command = [*target.compiler, "-O1", *without, f"-I{ROOT / 'include'}", "-o", str(program)]
        command += [str(ROOT / "tests" / "cross" / "memory.c"), f"-L{library.parent}", "-lflowai"]
        command += [f"-Wl,-rpath,{library.parent}"]
        subprocess.run(command, check=True)
        environment = os.environ | {"FLOWAI_BASE_URL": base_url, "FLOWAI_API_KEY": "a-key"}
        with subprocess.Popen(
            [*target.emulator, program, *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                if line == "sent\n":
                    break
                lines.append(line)
            else:
                raise SystemExit(f"{target.name}: the message was not sent")
            try:
                return resident(process.pid, mappings(lines))
            finally:
                process.stdin.close()


def small_problems(target: cross.Target, library: Path, plain: int) -> list[str]:
    """Find where the small library is not what the goals want."""
    strange = [name for name in needs(library) if not MAY_NEED.fullmatch(name)]
    problems = [f"{target.name}: needs {', '.join(strange)}"] if strange else []
    for what, number, limit in (
        ("libflowai.so", library.stat().st_size, MAX_LIBRARY),
        ("memory after a message", plain, MAX_MEMORY),
    ):
        if number > limit:
            problems.append(f"{target.name}: {what}: {number} bytes, more than {limit}")
    return problems


def main() -> int:
    """Build, measure, print."""
    names = sys.argv[1:] or DEFAULT
    possible = [name for name, target in cross.TARGETS.items() if target.gcc]
    if not set(names) <= set(possible):
        print(f"usage: sizes.py [TARGET...]\ntargets: {', '.join(possible)}", file=sys.stderr)
        return 2
    problems = []
    print("| target | libflowai.so | size | memory after a message | over TLS |")
    print("|---|---|---|---|---|")
    with server() as addresses:
        for target in map(cross.TARGETS.__getitem__, names):
            for features, what in FEATURES.items():
                library = build(target, features)
                size = library.stat().st_size
                path = "fault/ok/sizes/rest/v1/"
                plain = memory(target, features, library, f"{addresses['http']}/{path}")
                over_tls = (f"{addresses['https']}/{path}", addresses["ca_file"])
                tls = memory(target, features, library, *over_tls)
                figures = [f"{number / 1e6:.2f} MB" for number in (size, plain, tls)]
                print(f"| {target.name} | {what} | {' | '.join(figures)} |", flush=True)
                if features == "small":
                    problems += small_problems(target, library, plain)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
