"""The rows of the table, by what is measured. Each module has a function `rows` that gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from harness.row import Row
from rows import events, footprint, idle, scale, send_c, send_python, tls, upload, webhooks

Rows = Callable[[], AbstractContextManager[Iterator[Row]]]

ALL = [
    *send_python.ROWS,
    *send_c.ROWS,
    *tls.ROWS,
    *events.ROWS,
    *webhooks.ROWS,
    *upload.ROWS,
    *footprint.ROWS,
    *idle.ROWS,
    *scale.ROWS,
]
