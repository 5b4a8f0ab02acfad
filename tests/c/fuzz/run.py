"""`make fuzz`: libflowai under libFuzzer, coverage-guided, with the address sanitizer in the Rust code too.

Targets: `bytes` (bytes.c: hostile bytes for everything that reads bytes), `sequences` (sequences.c: calls of
every function, in any order, with right and wrong handles). What they find interesting stays in
target/fuzz/corpus, and the next run begins with it. An input that crashes is kept, and ends the run.

The sanitizer and the coverage are unstable features of rustc, hence RUSTC_BOOTSTRAP: nothing that is shipped
has them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import calls

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HEADER = ROOT / "include" / "flowai.h"
VECTORS = ROOT / "tests" / "vectors"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
FUZZ = TARGET / "fuzz"
HOST = re.search(r"host: (\S+)", subprocess.check_output(["rustc", "-vV"], text=True))
COVERAGE = ("level=4", "inline-8bit-counters", "pc-table")
SANITIZED = [
    "-Zsanitizer=address",
    "-Cpasses=sancov-module",
    *(f"-Cllvm-args=-sanitizer-coverage-{option}" for option in COVERAGE),
    *("-Cdebug-assertions=on", "-Copt-level=1", "-Cdebuginfo=1", "-Ccodegen-units=4"),
]


def library() -> Path:
    """Build the static library with coverage and the sanitizer, and say where it is."""
    assert HOST is not None
    host = HOST[1]
    command = [os.environ.get("CARGO", "cargo"), "build", "-p", "flowai-c", "--target", host]
    extra = {"RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": " ".join(SANITIZED)}
    subprocess.run([*command, "--target-dir", FUZZ], cwd=ROOT, env=os.environ | extra, check=True)
    return FUZZ / host / "debug" / "libflowai.a"


def compiled(target: str, archive: Path) -> Path:
    calls.write(HEADER, FUZZ / "calls.h")
    program = FUZZ / target
    options = ["-std=c11", "-D_GNU_SOURCE", "-DFUZZER", "-g", "-O1", "-fsanitize=fuzzer,address"]
    options += ["-Wall", "-Wextra", "-Wno-deprecated-declarations"]
    include = [f"-I{HEADER.parent}", f"-I{FUZZ}"]
    command = ["clang", *options, *include, "-o", program, HERE / f"{target}.c", archive]
    subprocess.run([*command, "-lpthread", "-lm", "-ldl"], check=True)
    return program


def seeds(target: str) -> Path:
    """Give the folder of the inputs to begin with: the events of the vectors, and what was found before."""
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    if target == "bytes":
        for vector in json.loads((VECTORS / "events.json").read_text()):
            if "event" in vector:
                (folder / vector["id"]).write_text("b" + json.dumps(vector["event"]))
        (folder / "call").write_bytes(b"cBearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl\n{}")
        (folder / "arguments").write_bytes(b'a{"name": "John Doe", "role": "external", "profile": {}}')
    return folder


def known() -> set[str]:
    """Give the names of the fields in webhook calls, which no fuzzer would guess."""
    return set(re.findall(r'"([A-Za-z_.]{2,24})":', (VECTORS / "events.json").read_text()))


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run a server that acknowledges everything."""
    program = TARGET / "debug" / "flowai-testkit"
    command = [program, "serve", "--vectors", VECTORS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"{json.loads(process.stdout.readline())['http']}/fault/ok/cfuzz/rest/v1/"
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def fuzz(target: str, program: Path, runs: int, base_url: str) -> bool:
    """Run a target; return whether nothing was found."""
    folder = FUZZ / "work"
    folder.mkdir(exist_ok=True)
    limits = [f"-runs={runs}", "-max_len=4096", "-timeout=60", "-rss_limit_mb=4096", "-print_final_stats=1"]
    kept = f"-artifact_prefix={FUZZ}/{target}-"
    names = FUZZ / "names.dict"
    names.write_text("".join(f'"\\"{name}\\""\n' for name in sorted(known())))
    dictionary = [f"-dict={names}"] if target == "bytes" else []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLOWAI_")}
    environment["FLOWAI_BASE_URL"] = base_url
    # Threads of the library run on at the end, and so does what they have.
    environment["ASAN_OPTIONS"] = "detect_leaks=0"
    command = [program, *limits, kept, *dictionary, seeds(target)]
    log = FUZZ / f"{target}.log"
    with log.open("w") as output:
        done = subprocess.run(command, cwd=folder, env=environment, stderr=output, stdout=output)
    text = log.read_text(errors="replace")
    count = re.findall(r"stat::number_of_executed_units: (\d+)", text)
    covered = re.findall(r"cov: (\d+)", text)
    print(
        f"{target}: {count[-1] if count else '?'} inputs, {covered[-1] if covered else '?'} edges, ", end=""
    )
    print("nothing found" if done.returncode == 0 else f"exit {done.returncode}", flush=True)
    if done.returncode:
        print("\n".join(text.splitlines()[-60:]))
    return done.returncode == 0


def last(pattern: str, text: str) -> str:
    found = re.findall(pattern, text)
    return found[-1] if found else "?"


def main() -> int:
    parser = argparse.ArgumentParser(description="libflowai under libFuzzer")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="bytes, sequences; both without any")
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs for each target")
    arguments = parser.parse_args()
    archive = library()
    targets = arguments.targets or ["bytes", "sequences"]
    with server() as base_url:
        found = [fuzz(target, compiled(target, archive), arguments.runs, base_url) for target in targets]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
