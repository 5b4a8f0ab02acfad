"""The program under test as a process that may die at any time, and what it said until then."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counts import LONG

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (
    Path(os.environ.get("FLOWAI_BIN_DIR", ROOT / "target" / "debug")).resolve() / "examples" / "durability"
)


class Program:
    """One run of the program; see `victim.rs` for its arguments."""

    def __init__(
        self,
        *arguments: object,
        environment: dict[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.lines: list[str] = []
        self._on_line = on_line
        self._changed = threading.Condition()
        self._ended = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        self.process = subprocess.Popen(
            [str(PROGRAM), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            # A line that was cut off says nothing.
            if line.endswith("\n"):
                if self._on_line:
                    self._on_line(line[:-1])
                with self._changed:
                    self.lines.append(line[:-1])
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def said(self, word: str) -> list[str]:
        """What follows this word in each line that begins with it."""
        return [
            line[len(word) + 1 :] for line in list(self.lines) if line.startswith(word + " ") or line == word
        ]

    def wait_for(self, word: str, count: int = 1) -> list[str]:
        """Waits until the word was said so often, or the process has ended."""
        with self._changed:
            in_time = self._changed.wait_for(lambda: self._ended or len(self.said(word)) >= count, LONG)
        assert in_time, f"{word} was not said {count} times: {self.lines[-5:]}"
        return self.said(word)

    def wait_for_end(self, seconds: float) -> None:
        """Gives the process so long to end by itself."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended, seconds)

    def port(self) -> int | None:
        """Where the receiver listens; nothing when the process ended before."""
        said = self.wait_for("at")
        return int(said[0]) if said else None

    def kill(self) -> int:
        self.process.kill()
        return self.join()

    def end(self) -> int:
        """Ends the process as a user would, and gives its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.join()

    def join(self) -> int:
        """Waits for the end of the process and gives its exit code, negative for a signal."""
        try:
            code = self.process.wait(LONG)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running: {self.lines[-5:]}\n{self.errors()}") from None
        self._reader.join(LONG)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        errors = self.errors()
        self._errors.close()
        assert "panicked" not in errors, errors
        assert "powerfail" not in errors, errors
        return code

    def errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")


def run(
    *arguments: object,
    environment: dict[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Program:
    """Runs the program to its end, which must be a good one."""
    program = Program(*arguments, environment=environment, on_line=on_line)
    code = program.join()
    assert code == 0, f"{arguments}: exit code {code}, {program.lines[-3:]}"
    return program


def stored(file: Path) -> list[dict[str, Any]]:
    """Every event of an inbox, which must be whole."""
    program = run("events", file)
    assert program.said("integrity") == ["ok"]
    return [json.loads(line) for line in program.said("event")]
