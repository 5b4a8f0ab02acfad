"""A real browser calls the sandbox from another origin, so preflights and CORS headers must be right."""

from __future__ import annotations

import functools
import html
import http.server
import json
import re
import subprocess
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import flowai

HERE = Path(__file__).parent

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the page, quietly."""

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.tool("chromium", "chromium-browser", "google-chrome")
def test_every_call_of_the_browser_example(tool: str, tmp_path: Path) -> None:
    handler = functools.partial(Handler, directory=str(HERE))
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        flowai.Sandbox() as sandbox,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = urlencode({"base": sandbox.base_url, "key": sandbox.api_key})
        page = f"http://127.0.0.1:{server.server_port}/page.html?{settings}"
        command = [tool, *QUIET, f"--user-data-dir={tmp_path}"]
        command += ["--virtual-time-budget=20000", "--dump-dom", page]
        dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
        server.shutdown()
        preflights = [request for request in sandbox.requests if request.method == "OPTIONS"]
    found = re.search(r'<pre id="results">(.*?)</pre>', dom, re.DOTALL)
    assert found, f"there is no page: {dom[:2000]}"
    assert found.group(1), f"the page did not finish: {dom[:2000]}"
    results = {result["name"]: result for result in json.loads(html.unescape(found.group(1)))}

    wrong = results.pop("wrong key")
    assert (wrong["outcome"], wrong["status"], wrong["answer"]["status"]) == ("answered", 401, "error")
    assert {(result["outcome"], result["status"]) for result in results.values()} == {("answered", 200)}
    assert results["text"]["answer"] == {"status": "ok"}
    assert results["status sync"]["answer"]["isPaued"] is True
    history = results["history sync"]["answer"]["result"]["history"]
    assert history[0]["messages"][0]["responses"][0]["payload"]["text"] == "test"
    assert results["hours sync"]["answer"]["businessHours"]
    assert preflights, "a browser asks before it sends an Authorization header"
