"""The pytest plugin, in real runs of pytest."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

# A program that knows nothing of tests.
PROGRAM = """
import flowai

def ask(text):
    with flowai.Client() as client:
        return client.ask("thread-1", text).text

async def ask_later(text):
    async with flowai.AsyncClient() as client:
        return (await client.ask("thread-1", text)).text
"""


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    for name in ("FLOWAI_API_KEY", "FLOWAI_BASE_URL", "FLOWAI_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile(program=PROGRAM)


ALONE = ("-p", "no:asyncio", "-p", "no:anyio")
WITH_ASYNCIO = ("-p", "no:anyio", "-o", "asyncio_default_fixture_loop_scope=function")
WITH_ANYIO = ("-p", "no:asyncio")


def run(
    pytester: pytest.Pytester, source: str, *arguments: str, plugins: tuple[str, ...] = ALONE
) -> pytest.RunResult:
    pytester.makepyfile(test_it=source)
    return pytester.runpytest_subprocess("-W", "error", *plugins, *arguments, timeout=60)


def test_a_program_that_makes_its_own_client(pytester):
    result = run(
        pytester,
        """
        import os
        import program

        def test_greeting(flowai_sandbox):
            flowai_sandbox.reply("hello", "Hi there!")
            assert program.ask("hello") == "Hi there!"
            (request,) = flowai_sandbox.requests
            assert request.path == "/rest/v1/messages/thread-1"
            assert os.environ["FLOWAI_WEBHOOK_SECRET"] == flowai_sandbox.webhook_secret

        def test_nothing_is_left():
            assert "FLOWAI_API_KEY" not in os.environ
            assert "FLOWAI_BASE_URL" not in os.environ
            assert "FLOWAI_WEBHOOK_SECRET" not in os.environ
        """,
    )
    result.assert_outcomes(passed=2)


def test_tests_do_not_see_each_other(pytester):
    result = run(
        pytester,
        """
        import pytest

        urls = set()

        @pytest.mark.parametrize("number", [1, 2, 3])
        def test_one(flowai_sandbox, flowai_client, number):
            urls.add(flowai_sandbox.base_url)
            assert len(urls) == number or flowai_sandbox.requests == []
            assert flowai_client.ask("thread-1", "hello").text == "hello"
            flowai_sandbox.reply("hello", "changed")
            flowai_sandbox.fail_next(times=100)
            assert len(flowai_sandbox.requests) == 1
        """,
    )
    result.assert_outcomes(passed=3)


def test_options(pytester):
    result = run(
        pytester,
        """
        import os
        import flowai
        import pytest

        pytestmark = pytest.mark.flowai_sandbox(
            bot="none", api_key="of-the-module", seed={"rules": [{"text": "a", "handover": True}]}
        )

        def test_of_the_module(flowai_sandbox, flowai_client):
            flowai_client.send_text("t", "a")
            assert flowai_sandbox.thread_state("t") == "handover"
            assert flowai_sandbox.api_key == os.environ["FLOWAI_API_KEY"] == "of-the-module"

        @pytest.mark.flowai_sandbox(api_key="of-the-test")
        @pytest.mark.flowai_sandbox(environment=False)
        def test_of_its_own(flowai_sandbox, flowai_client):
            assert flowai_sandbox.api_key == "of-the-test"
            assert "FLOWAI_API_KEY" not in os.environ
            flowai_client.send_text("t", "b")
            assert [delivery.event["type"] for delivery in flowai_sandbox.deliveries] == ["message.delivered"]
        """,
        "--strict-markers",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("mark", "problem"),
    [("'none'", "takes its options by name"), ("nonsense=1", "nonsense"), ("bot='parrot'", "echo or none")],
)
def test_options_that_are_wrong(pytester, mark, problem):
    source = f"import pytest\n@pytest.mark.flowai_sandbox({mark})\ndef test_it(flowai_sandbox): pass"
    result = run(pytester, source)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{problem}*"])


def test_an_application_is_called(pytester):
    result = run(
        pytester,
        """
        import json
        import os
        import flowai
        import pytest

        def application(body, headers):
            verifier = flowai.Verifier.jwt(os.environ["FLOWAI_WEBHOOK_SECRET"])
            try:
                event = verifier.unwrap(body, headers)
            except flowai.WebhookVerificationError:
                return 401
            if event.kind is flowai.EventKind.REPLY:
                flowai.Client().send_text(event.thread_id, f"You said {event.text}")
            return 200

        def test_a_reply(flowai_sandbox):
            call = flowai_sandbox.event("message.reply", "Hello", thread_id="thread-7")
            assert application(call.body, call.headers) == 200
            (request,) = flowai_sandbox.requests
            assert request.path == "/rest/v1/messages/thread-7"
            assert json.loads(request.body)["payload"]["speech"] == "You said Hello"

        def test_an_impostor(flowai_sandbox):
            call = flowai_sandbox.event("message.reply", "Hello")
            assert application(call.body, {}) == 401

        def test_the_service_fails(flowai_sandbox):
            flowai_sandbox.fail_next(503)
            call = flowai_sandbox.event("message.reply", "Hello")
            with pytest.raises(flowai.ServerError) as caught:
                application(call.body, call.headers)
            assert caught.value.delivery == "maybe_sent"

        def test_the_whole_way(flowai_sandbox, flowai_client):
            verifier = flowai.Verifier.jwt(flowai_sandbox.webhook_secret)
            with flowai.Receiver(verifier=verifier) as receiver:
                flowai_sandbox.set_webhook(receiver.url)
                flowai_client.send_text("thread-1", "Hello")
                assert receiver.wait(kind="reply", timeout=10).text == "Hello"
            assert flowai_sandbox.wait_delivered(10)
            assert {delivery.state for delivery in flowai_sandbox.deliveries} == {"delivered"}
        """,
    )
    result.assert_outcomes(passed=4)


ASYNCHRONOUS = """
import program
import pytest

pytestmark = pytest.mark.{marker}

async def test_awaited(flowai_sandbox, flowai_async_client):
    flowai_sandbox.reply("hello", "Hi there!")
    assert (await flowai_async_client.ask("thread-1", "hello")).text == "Hi there!"
    assert await program.ask_later("hello") == "Hi there!"

async def test_awaited_again(flowai_async_client):
    assert (await flowai_async_client.ask("thread-1", "hello")).text == "hello"
"""


def test_asyncio(pytester):
    result = run(pytester, ASYNCHRONOUS.format(marker="asyncio"), plugins=WITH_ASYNCIO)
    result.assert_outcomes(passed=2)


def test_anyio(pytester):
    pytester.makeconftest("import pytest\n\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n")
    result = run(pytester, ASYNCHRONOUS.format(marker="anyio"), plugins=WITH_ANYIO)
    result.assert_outcomes(passed=2)


def test_a_failure_shows_what_was_asked(pytester):
    result = run(
        pytester,
        """
        import program

        def test_it(flowai_sandbox):
            assert program.ask("hello") == "something else"

        def test_nothing(flowai_sandbox):
            assert flowai_sandbox.requests
        """,
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*what flowai_sandbox was asked*",
            'POST /rest/v1/messages/thread-1?sync=true: 200 {"payload":*hello*',
            "event message.delivered without a webhook",
            "*what flowai_sandbox was asked*",
            "nothing",
        ]
    )


def test_a_run_without_the_fixtures_is_left_alone(pytester):
    result = run(
        pytester,
        """
        import os
        import threading

        def test_it():
            assert not {"FLOWAI_API_KEY", "FLOWAI_BASE_URL", "FLOWAI_WEBHOOK_SECRET"} & set(os.environ)
            assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
        """,
    )
    result.assert_outcomes(passed=1)


def test_it_can_be_left_out(pytester):
    result = run(pytester, "def test_it(flowai_sandbox): pass", "-p", "no:flowai")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'flowai_sandbox' not found*"])


def test_fixtures_and_marker_are_listed(pytester):
    fixtures = pytester.runpytest_subprocess("--fixtures", *ALONE, timeout=60)
    for name in ("flowai_sandbox", "flowai_client", "flowai_async_client"):
        fixtures.stdout.fnmatch_lines([f"{name} -- *"])
    markers = pytester.runpytest_subprocess("--markers", *ALONE, timeout=60)
    markers.stdout.fnmatch_lines(["@pytest.mark.flowai_sandbox(*"])


def test_the_package_does_not_need_pytest():
    program = """
import sys
import flowai
flowai.Sandbox().close()
assert not {"pytest", "_pytest", "pluggy", "asyncio"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
