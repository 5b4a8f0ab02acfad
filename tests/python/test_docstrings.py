"""Everything public is documented, with an example of whatever can be called, and every example runs."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import flowai
from docstrings import KEY, Namespace, documented, examples, is_called
from flowai import pytest_plugin

DOCUMENTED = documented()


def test_everything_has_documentation() -> None:
    assert [name for name, doc in DOCUMENTED.items() if not doc] == []
    assert len(DOCUMENTED) > 400


def test_everything_that_is_called_has_an_example() -> None:
    called = [name for name in DOCUMENTED if is_called(name)]
    assert [name for name in called if not examples(DOCUMENTED[name])] == []
    assert len(called) > 220


@pytest.fixture
def names(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Namespace]:
    monkeypatch.chdir(tmp_path)
    name = request.node.callspec.params["name"]
    with contextlib.ExitStack() as stack:
        # Methods that both kinds of classes have are shown in the form of the ordinary ones.
        awaited = name.startswith("Async") and name.partition(".")[2] not in ("open", "attach")
        names = Namespace(stack, awaited)
        monkeypatch.setenv("FLOWAI_API_KEY", KEY)
        monkeypatch.setenv("FLOWAI_BASE_URL", names.need("sandbox").base_url)
        if name.endswith(".attach"):
            # What another process has opened.
            flowai.Inbox.open("flowai.db").close()
            flowai.Outbox.open("outbox.db", names.need("client")).close()
        if name in ("Outbox.list", "Outbox.discard", "OutboxEntry"):
            names["client"] = names.need("nobody")
        if name == "Inbox.replay":
            names.need("delivery").dead("there is no such customer")
        yield names


@pytest.mark.parametrize("name", [name for name, doc in DOCUMENTED.items() if examples(doc)])
@pytest.mark.filterwarnings("ignore:the service replaced takeover:DeprecationWarning")
def test_the_examples_run(name: str, names: Namespace) -> None:
    names.check(DOCUMENTED[name])
    view = names.get("view") or names.get("webhook")
    if inspect.isfunction(view):
        request = names.need("request")
        if inspect.iscoroutinefunction(view):
            body = request.body
            request.body = lambda: asyncio.sleep(0, body)
            answer = names.wait(view(request))
        else:
            answer = view(request)
        assert getattr(answer, "status_code", answer) == 200


def test_the_fixtures_of_the_plugin_have_examples_that_run(tmp_path: Path) -> None:
    program = [
        "import flowai, pytest",
        "def answer_of_my_program(text):",
        "    return flowai.Client().ask('thread-1', text).text",
    ]
    for name in ("", *pytest_plugin.__all__):
        doc = (getattr(pytest_plugin, name) if name else pytest_plugin).__doc__ or ""
        assert examples(doc), name
        program += [example.source for example in examples(doc)]
    file = tmp_path / "test_examples.py"
    file.write_text("\n".join(program))
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )
    assert re.search(r"^4 passed", result.stdout, re.MULTILINE), result.stdout + result.stderr


def test_an_example_that_is_wrong_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with contextlib.ExitStack() as stack:
        names = Namespace(stack, awaited=False)
        names.check(">>> client.send_text('thread-1', 'Hello').status\n'ok'")
        with pytest.raises(AssertionError, match="gives"):
            names.check(">>> client.send_text('thread-1', 'Hello').status\n'sent'")
        with pytest.raises(flowai.InvalidArgumentError):
            names.check(">>> receipt = client.send_text('thread-1', '')")
        with pytest.raises(AssertionError, match="prints nothing"):
            names.check(">>> for entry in inbox.list(state='handled'):\n...     print(entry)")
