"""Processes that are measured: fresh ones, whose last line is a JSON object."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

LIMIT = 300


def clean_environment() -> dict[str, str]:
    """Give an environment in which nothing is proxied, configured or buffered by accident."""
    unwanted = ("FLOWAI_", "SSL_CERT", "CURL_CA", "REQUESTS_CA", "LD_PRELOAD")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}


def run(command: Sequence[str | Path], **extra: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(part) for part in command],
        env=clean_environment() | extra,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command}\n{done.stdout}{done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@contextlib.contextmanager
def started(command: Sequence[str | Path]) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """Start a program that prints one JSON object when it is ready, and ends with its standard input."""
    process = subprocess.Popen(
        [str(part) for part in command],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline()), process
    finally:
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
