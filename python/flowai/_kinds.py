"""EventKind, made only when it is used: importing enum takes longer than the rest of this package."""

from enum import IntEnum

from flowai import _flowai

EventKind = IntEnum("EventKind", _flowai._EVENT_KINDS, module="flowai")
EventKind.__doc__ = """What an event tells, whatever the version of the API calls it.

The numbers are the same in C.

>>> flowai.parse_event('{"type": "control.pause", "threadId": "thread-1"}').kind.name
'PAUSED'
"""
