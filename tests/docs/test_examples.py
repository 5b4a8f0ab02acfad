"""The examples in Rust run, as those in Python and C do in their own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import flowai

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import demo  # noqa: E402  (a script, found through the path above)

PROGRAMS = Path(os.environ.get("FLOWAI_BIN_DIR", ROOT / "target" / "debug")).resolve()


def test_every_example_is_run() -> None:
    examples = {path.stem for path in (ROOT / "examples" / "rust").glob("*.rs")}
    assert examples == {"send", "conversation"}


def test_send() -> None:
    with flowai.Sandbox() as sandbox:
        environment = os.environ | {"FLOWAI_BASE_URL": sandbox.base_url, "FLOWAI_API_KEY": sandbox.api_key}
        command = [PROGRAMS / "examples" / "send", "thread-1", "Hello"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("sent to thread-1, trace id ")
        (entry, *_) = sandbox.client().iter_history("thread-1")
        assert entry.messages[0].text == "Hello"


def test_conversation() -> None:
    assert demo.converse(PROGRAMS / "flowai", "Rust", [str(PROGRAMS / "examples" / "conversation")])
