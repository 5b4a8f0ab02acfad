"""What the native core logs, handed to the loggers ``flowai.client``, ``flowai.receiver`` and so on.

Imported once the program has imported logging itself, or when FLOWAI_LOG asks for a log.
"""

import atexit
import logging
import os
import select
import sys
import time
import traceback
from threading import Lock, Thread

from flowai import _flowai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

# Logger, level, nanoseconds since 1970, file, line, thread, text, and what goes along.
Entry: "TypeAlias" = tuple[str, int, int, "str | None", "int | None", "str | None", str, dict[str, object]]

LEVELS = {
    "trace": 5,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "off": logging.CRITICAL + 1,
}

# How long others have to take what was logged, so that it is there when an awaited call returns: seconds.
_GRACE = 0.1
# How long it takes at most until a level that was changed is noticed while nobody calls: milliseconds.
_LOOK_AGAIN = 1000

find = logging.getLogger

_lock = Lock()
_watcher: Thread | None = None


def deliver(entries: list[Entry]) -> None:
    """Have the loggers handle what was logged."""
    # A handler may use this package, and would never come to an end.
    muted = _flowai._log_mute(True)
    try:
        for entry in entries:
            try:
                _handle(*entry)
            except Exception:
                if logging.raiseExceptions:
                    traceback.print_exc()
    finally:
        _flowai._log_mute(muted)


def _handle(
    name: str,
    level: int,
    created: int,
    file: str | None,
    line: int | None,
    thread: str | None,
    text: str,
    facts: dict[str, object],
) -> None:
    logger = logging.getLogger(name)
    # Where nobody listens nothing is written, not even a warning.
    if not logger.isEnabledFor(level) or not logger.hasHandlers():
        return
    record = logger.makeRecord(name, level, file or "", line or 0, text, (), None)
    # It was made on another thread, some time ago.
    earlier = record.created - created / 1e9
    record.created = created / 1e9
    record.msecs = created // 1_000_000 % 1000 + 0.0
    record.relativeCreated -= earlier * 1000
    if thread is not None:
        record.thread, record.threadName = 0, thread
    for key, value in facts.items():
        # The program may have a factory that gives records a name of its own.
        record.__dict__.setdefault(key, value)
    logger.handle(record)


def watch() -> None:
    """See to it that what is logged while nobody calls is delivered, for as long as anything is open."""
    global _watcher
    with _lock:
        if _watcher is None or not _watcher.is_alive():
            _watcher = Thread(name="flowai-logging", target=_watch, daemon=True)
            _watcher.start()


def _watch() -> None:
    global _watcher
    bell = select.poll()
    bell.register(_flowai._log_descriptor(), select.POLLIN)
    while True:
        if bell.poll(_LOOK_AGAIN):
            time.sleep(_GRACE)
        with _lock:
            entries = _flowai._log_entries(_GRACE)
            if entries is None:
                _watcher = None
                return
        deliver(entries)


@atexit.register
def _last() -> None:
    deliver(_flowai._log_entries(0) or [])


def _in_child() -> None:
    """Forget what a thread of the parent may have held."""
    global _lock, _watcher
    _lock, _watcher = Lock(), None


os.register_at_fork(after_in_child=_in_child)


class _StandardError(logging.Handler):
    """Writes to standard error, unless the program itself does something with its log."""

    def emit(self, record: logging.LogRecord) -> None:
        if logging.root.handlers:
            return
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def configure(wanted: str) -> None:
    """Do what FLOWAI_LOG says: ``debug``, ``warn,flowai.receiver=debug``.

    What else there is in it is for the command, which understands the names of Rust's modules.
    """
    told = False
    for part in wanted.split(","):
        name, equals, level = part.strip().rpartition("=")
        number = LEVELS.get(level.strip().lower())
        if number is None or (equals and name != "flowai" and not name.startswith("flowai.")):
            continue
        logging.getLogger(name or "flowai").setLevel(number)
        told = True
    if told:
        handler = _StandardError()
        handler.setFormatter(logging.Formatter("[%(asctime)s %(levelname)s %(name)s] %(message)s"))
        logging.getLogger("flowai").addHandler(handler)
