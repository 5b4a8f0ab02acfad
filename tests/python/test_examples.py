"""The command line and the example programs, run as users run them."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import sysconfig
import types
from collections.abc import Iterator

import pytest

import flowai
from conftest import SECRET
from flowai.__main__ import main as run_module

ROOT = pathlib.Path(__file__).parent.parent.parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("FLOWAI_")}


def test_command_line():
    script = pathlib.Path(sysconfig.get_path("scripts"), "flowai")
    for command in ([script], [sys.executable, "-m", "flowai"]):
        result = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT
        )
        assert (result.returncode, result.stdout) == (0, f"flowai {flowai.__version__}\n")
        result = subprocess.run(
            [*command, "send", "text"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=ENVIRONMENT,
        )
        assert result.returncode == 2
        assert "flowai send text" in result.stderr
    assert isinstance(run_module, types.FunctionType)


@contextlib.contextmanager
def run_example(name: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run an example. When a test fails meanwhile it is ended, and says where it was: it may run for ever."""
    with subprocess.Popen(
        [sys.executable, "-X", "faulthandler", str(ROOT / "examples" / "python" / name), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, **environment},
    ) as example:
        try:
            yield example
        except BaseException:
            example.send_signal(signal.SIGABRT)
            out, err = example.communicate()
            print(f"{name} had written: {out}\n{err}")
            raise


def test_example_echo_conversation():
    with run_example("echo_conversation.py") as example:
        out, err = example.communicate(timeout=60)
    assert (example.returncode, err) == (0, "")
    assert out.splitlines() == [
        line for text in ("Hello", "How are you?", "Goodbye") for line in (f"John: {text}", f"Bot:  {text}")
    ]


def test_example_send(sandbox):
    key = {"FLOWAI_API_KEY": sandbox.api_key, "FLOWAI_BASE_URL": sandbox.base_url}
    with run_example("send.py", "thread-9", **key) as example:
        out, err = example.communicate(timeout=60)
    assert (example.returncode, err) == (0, "")
    assert "John Doe: Hello" in out
    assert {request.path for request in sandbox.requests} == {"/rest/v1/messages/thread-9"}
    with run_example("send.py", "", **key) as example:
        _, err = example.communicate(timeout=60)
    assert example.returncode == 1
    assert "delivery: not_sent" in err


def test_example_ask():
    answers = [{"label": "Track it", "type": "text"}]
    reply = {"type": "text", "payload": {"text": "It arrives tomorrow.", "quickReplies": answers}}
    seed = {"rules": [{"pattern": "order", "replies": [reply]}]}
    for at_once in (True, False):
        with flowai.Sandbox(seed=seed, sync_replies=at_once) as sandbox:
            key = {"FLOWAI_API_KEY": sandbox.api_key, "FLOWAI_BASE_URL": sandbox.base_url}
            with run_example("ask.py", "thread-1", "Where is my order?", **key) as example:
                out, err = example.communicate(timeout=60)
        assert (example.returncode, err, out) == (0, "", "It arrives tomorrow. [Track it]\n")


def test_example_async_client(sandbox):
    key = {"FLOWAI_API_KEY": sandbox.api_key, "FLOWAI_BASE_URL": sandbox.base_url}
    with run_example("async_client.py", "one", "two", "three", **key) as example:
        out, err = example.communicate(timeout=60)
    assert (example.returncode, err) == (0, "")
    assert out == "one: Are you there?\ntwo: Are you there?\nthree: Are you there?\n"


def test_example_receive():
    with (
        flowai.Sandbox(webhook_secret=SECRET) as sandbox,
        sandbox.client() as client,
        run_example("receive.py", "127.0.0.1:0", "2", FLOWAI_WEBHOOK_SECRET=SECRET) as example,
    ):
        url = example.stdout.readline().removeprefix("listening on ").strip()
        sandbox.set_webhook(url)
        client.send_text("t", "Hello")
        out, err = example.communicate(timeout=60)
    assert (example.returncode, err) == (0, "")
    assert out == "t: [message.delivered]\nt: Hello\n"


def test_example_conversation():
    with flowai.Sandbox(webhook_secret=SECRET) as sandbox:
        with flowai.Receiver(verifier=None) as receiver:
            # The webhook is asked when it is registered; the example listens there only later.
            sandbox.set_webhook(receiver.url)
            listen = receiver.url.split("/")[2]
        environment = {
            "FLOWAI_API_KEY": sandbox.api_key,
            "FLOWAI_BASE_URL": sandbox.base_url,
            "FLOWAI_WEBHOOK_SECRET": SECRET,
            "FLOWAI_LISTEN": listen,
        }
        with run_example("conversation.py", **environment) as example:
            out, err = example.communicate(timeout=60)
    assert (example.returncode, err) == (0, "")
    assert out.count("Hello from Python") == 2


def test_example_inbox(tmp_path):
    arguments = (str(tmp_path / "flowai.db"), "127.0.0.1:0")
    with flowai.Sandbox(webhook_secret=SECRET) as sandbox, sandbox.client() as client:
        with run_example("inbox.py", *arguments, FLOWAI_WEBHOOK_SECRET=SECRET) as example:
            sandbox.set_webhook(example.stdout.readline().removeprefix("listening on ").strip())
            client.send_text("t", "Hello")
            assert [example.stdout.readline() for _ in range(2)] == ["t: [message.delivered]\n", "t: Hello\n"]
            assert sandbox.wait_delivered(30)
            example.kill()
        with run_example("inbox.py", *arguments, "4", FLOWAI_WEBHOOK_SECRET=SECRET) as example:
            sandbox.set_webhook(example.stdout.readline().removeprefix("listening on ").strip())
            client.send_text("t", "Again")
            out, err = example.communicate(timeout=60)
    assert (example.returncode, err) == (0, "")
    # What was printed just before the kill may come once more.
    assert out.endswith("t: [message.delivered]\nt: Again\n")


def test_example_outbox(sandbox, tmp_path):
    path = str(tmp_path / "outbox.db")
    key = {"FLOWAI_API_KEY": sandbox.api_key, "FLOWAI_BASE_URL": sandbox.base_url}
    sandbox.fail_next(status=400, times=1)
    with run_example("outbox.py", path, "t", "Hello", "Again", **key) as example:
        out, err = example.communicate(timeout=60)
    assert (example.returncode, err) == (0, "")
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["failed", "sent"]
    assert ["Hello" in lines[0], "Again" in lines[1]] == [True, True]
    with run_example("outbox.py", path, "t", **key) as example:
        assert example.communicate(timeout=60) == ("", "")


@pytest.mark.parametrize("bar", ["tqdm", "rich"])
def test_bars_of_an_upload(sandbox, tmp_path, bar):
    path = tmp_path / "photo.png"
    path.write_bytes(b"x" * 3 * 1024 * 1024)
    finished = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "python" / "upload_progress.py"), "t", str(path), bar],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"FLOWAI_API_KEY": sandbox.api_key, "FLOWAI_BASE_URL": sandbox.base_url, "COLUMNS": "100"},
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1] == "ok"
    shown = finished.stderr if bar == "tqdm" else finished.stdout
    assert "photo.png" in shown
    assert ("3.00M/3.00M" if bar == "tqdm" else "3.1/3.1 MB") in shown
    assert sandbox.requests[-1].file.length == 3 * 1024 * 1024


def test_every_example_is_run_here():
    source = pathlib.Path(__file__).read_text()
    served = pathlib.Path(__file__).with_name("test_frameworks.py").read_text()
    examples = list((ROOT / "examples" / "python").glob("*.py"))
    assert examples
    assert all(f'"{path.name}"' in source or f'("{path.stem}:' in served for path in examples)
