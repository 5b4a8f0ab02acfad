"""Fixtures for pytest: a Flow.ai on this machine, a new one for each test that asks for it.

pytest finds them by itself once the package is installed; ``-p no:flowai`` leaves them out.

- flowai_sandbox: a Sandbox. It is what the environment names, so that a program under test that makes its
  own ``flowai.Client()`` talks to it.
- flowai_client and flowai_async_client: a Client and an AsyncClient that talk to it.

``@pytest.mark.flowai_sandbox(bot="none", speed=1000.0)`` gives the sandbox of a test, a class or (as
``pytestmark``) a module its options: those of Sandbox, and ``environment=False``, which leaves the
environment alone. What the sandbox was asked is shown with a test that fails.

>>> def test_greeting(flowai_sandbox):
...     flowai_sandbox.reply("hello", "Hi there!")
...     assert answer_of_my_program("hello") == "Hi there!"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import flowai

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Protocol

    class _Outcome(Protocol):
        """What such a wrapper is given."""

        def get_result(self) -> pytest.TestReport: ...


__all__ = ["flowai_async_client", "flowai_client", "flowai_sandbox"]

# How many of the last requests and events are shown with a test that fails, and how much of each.
_SHOWN = 20
_SHOWN_BYTES = 200


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "flowai_sandbox(**options): the options of flowai.Sandbox for the fixture flowai_sandbox; "
        "environment=False does not set FLOWAI_API_KEY, FLOWAI_BASE_URL and FLOWAI_WEBHOOK_SECRET",
    )


@pytest.fixture
def flowai_sandbox(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[flowai.Sandbox]:
    """Start a Flow.ai on this machine for this test; FLOWAI_API_KEY and FLOWAI_BASE_URL lead to it.

    >>> def test_that_it_is_asked_once(flowai_sandbox):
    ...     answer_of_my_program("hello")
    ...     assert len(flowai_sandbox.requests) == 1
    """
    test: pytest.Item = request.node
    options: dict[str, Any] = {}
    for mark in reversed(list(test.iter_markers("flowai_sandbox"))):
        if mark.args:
            raise pytest.UsageError("flowai_sandbox takes its options by name, such as bot='none'")
        options.update(mark.kwargs)
    in_environment = options.pop("environment", True)
    with flowai.Sandbox(**options) as sandbox:
        if in_environment:
            monkeypatch.setenv("FLOWAI_API_KEY", sandbox.api_key)
            monkeypatch.setenv("FLOWAI_BASE_URL", sandbox.base_url)
            monkeypatch.setenv("FLOWAI_WEBHOOK_SECRET", sandbox.webhook_secret)
        yield sandbox


@pytest.fixture
def flowai_client(flowai_sandbox: flowai.Sandbox) -> Iterator[flowai.Client]:
    """Make a client of flowai_sandbox.

    >>> def test_client(flowai_client):
    ...     assert flowai_client.ask("thread-1", "Hello").text == "Hello"
    """
    with flowai_sandbox.client() as client:
        yield client


@pytest.fixture
def flowai_async_client(flowai_sandbox: flowai.Sandbox) -> flowai.AsyncClient:
    """Make an asynchronous client of flowai_sandbox, for whatever runs asynchronous tests.

    >>> @pytest.mark.asyncio
    ... async def test_async_client(flowai_async_client):
    ...     assert (await flowai_async_client.ask("thread-1", "Hello")).text == "Hello"
    """
    return flowai_sandbox.async_client()


# The form of wrappers that every version of pytest knows.
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, _Outcome, None]:
    """Show what the sandbox was asked when a test fails."""
    outcome = yield
    report = outcome.get_result()
    sandbox = getattr(item, "funcargs", {}).get("flowai_sandbox")
    if report.failed and isinstance(sandbox, flowai.Sandbox):
        report.sections.append(("what flowai_sandbox was asked", _story(sandbox)))


def _story(sandbox: flowai.Sandbox) -> str:
    requests = [_request(request) for request in sandbox.requests[-_SHOWN:]]
    events = [_delivery(delivery) for delivery in sandbox.deliveries[-_SHOWN:]]
    return "\n".join([*(requests or ["nothing"]), *events])


def _request(request: flowai.RecordedRequest) -> str:
    query = f"?{request.query}" if request.query else ""
    body = request.body[:_SHOWN_BYTES].decode(errors="backslashreplace")
    return f"{request.method} {request.path}{query}: {request.status or 'no answer'} {body}".rstrip()


def _delivery(delivery: flowai.RecordedDelivery) -> str:
    answers = [attempt.status or attempt.error for attempt in delivery.attempts]
    where = f"to {delivery.url}: {delivery.state} {answers}" if delivery.url else "without a webhook"
    return f"event {delivery.event.get('type', '')} {where}"
