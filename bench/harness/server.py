"""The server that every peer talks to, and whether what it counted is what was sent."""

from __future__ import annotations

import contextlib
import json
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.place import PROGRAMS
from harness.process import started


class Server:
    def __init__(self, ports: dict[str, int], authority: Path) -> None:
        self.ports = ports
        self.authority = authority
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def base_url(self, *, tls: bool = False, close: bool = False) -> str:
        start = f"https://localhost:{self.ports['tls']}" if tls else f"http://127.0.0.1:{self.ports['plain']}"
        return f"{start}/close/rest/v1/" if close else f"{start}/rest/v1/"

    def counts(self, path: str = "counts") -> dict[str, Any]:
        with self.opener.open(f"http://127.0.0.1:{self.ports['control']}/{path}", timeout=30) as answer:
            counts: dict[str, Any] = json.load(answer)
            return counts

    @contextlib.contextmanager
    def expecting(self, messages: int, connections: int) -> Iterator[None]:
        """Fail when not every message came once and whole, or when there were more connections."""
        self.counts("reset")
        yield
        counts = self.counts()
        if counts["messages"] != messages or counts["bad"] or counts["connections"] > connections:
            raise RuntimeError(f"{messages} messages over {connections} connections were expected: {counts}")


@contextlib.contextmanager
def server(before: Sequence[str] = ()) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder) / "authority.pem"
        with started([*before, PROGRAMS / "bench-server", "--ca", authority]) as (ports, process):
            yield Server(ports, authority)
            process.terminate()
