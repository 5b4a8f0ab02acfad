"""Processes to run tests in: a function of a test module, or a script, in a fresh interpreter."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = str(Path(__file__).resolve().parent)

# Calls the function and writes what it returns as the last line.
_RUN = """\
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
function = getattr(importlib.import_module(sys.argv[2]), sys.argv[3])
print(json.dumps(function(*json.loads(sys.argv[4]))), flush=True)
"""


class Finished(NamedTuple):
    code: int
    output: str
    errors: str


def start_script(script: str, *args: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Runs a script; the fault handler tells where it is when it has to be ended."""
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", script, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )


def start(
    function: Callable[..., Any], *args: Any, env: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Runs a function of a test module with arguments that JSON can hold."""
    name = (HERE, function.__module__, function.__name__)
    return start_script(_RUN, *name, json.dumps(args), env=env)


def finish(process: subprocess.Popen[str], limit: float) -> Finished:
    """Waits for the end of a process, which is a failure after `limit` seconds."""
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        try:
            _, errors = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
        raise AssertionError(f"still running after {limit} s\n{errors}") from None
    return Finished(process.returncode, output, errors)


def returned(process: subprocess.Popen[str], limit: float) -> Any:
    """What the function of a process returned."""
    finished = finish(process, limit)
    assert finished.code == 0, f"exit code {finished.code}\n{finished.errors}"
    return json.loads(finished.output.splitlines()[-1])


def call(function: Callable[..., Any], *args: Any, limit: float) -> Any:
    """Runs a function in a process of its own and gives what it returned."""
    return returned(start(function, *args), limit)


_LOCK = """
import sqlite3, sys
sqlite3.connect(sys.argv[1], isolation_level=None).execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def locked(database: Path) -> Iterator[Callable[[], None]]:
    """Another process locks a database, until the function is called or the block is left.

    Two libraries for SQLite in one process would not see each other's locks, and release them.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _LOCK, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield process.stdin.close
        process.stdin.close()


def wait_for_forked(pids: Sequence[int], limit: float) -> None:
    """Waits for forked children, all of which must end well within the time."""
    end = time.monotonic() + limit
    for pid in pids:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done == pid:
                code = os.waitstatus_to_exitcode(status)
                assert code == 0, f"a forked child ended with {code}"
                break
            if time.monotonic() > end:
                os.kill(pid, signal.SIGABRT)
                os.waitpid(pid, 0)
                raise AssertionError(f"a forked child was still running after {limit} s")
            time.sleep(0.002)
