"""The public surface: names, signatures, help, errors, and the small things that make it feel like Python."""

from __future__ import annotations

import copy
import errno
import inspect
import io
import json
import os
import pathlib
import pickle
import re
import socket
import subprocess
import sys

import pytest

import flowai
import typed_async
import typed_testing
import typed_usage
import typed_webhook
from conftest import reply
from flowai import _flowai, exceptions

ROOT = pathlib.Path(__file__).parent.parent.parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("FLOWAI_")}

SENDS = {"send_text", "send_event", "send_location", "send_media", "upload_media", "send"}
LATER_SENDS = {"handover", "takeover", "trigger_event", "broadcast", "broadcast_to_segments"}
CALLS = {
    *SENDS,
    *("send_many", "iter_send_many"),
    *LATER_SENDS,
    *("ask", "history", "iter_history", "request_history"),
    *("threads", "iter_threads", "request_threads", "create_thread"),
    *("business_hours", "request_business_hours"),
    *("pause", "resume", "bot_status", "request_bot_status", "resolve"),
    *("trigger_events", "request_trigger_events", "segments", "request"),
}
KINDS = {
    "invalid_argument": (flowai.InvalidArgumentError, ValueError),
    "connection": (flowai.APIConnectionError, ConnectionError),
    "timeout": (flowai.APITimeoutError, TimeoutError),
    "cancelled": (flowai.FlowAIError, Exception),
    "bad_request": (flowai.BadRequestError, flowai.APIStatusError),
    "authentication": (flowai.AuthenticationError, flowai.APIStatusError),
    "not_found": (flowai.NotFoundError, flowai.APIStatusError),
    "payload_too_large": (flowai.PayloadTooLargeError, flowai.APIStatusError),
    "rate_limited": (flowai.RateLimitError, flowai.APIStatusError),
    "server": (flowai.ServerError, flowai.APIStatusError),
    "redirect": (flowai.RedirectError, flowai.APIStatusError),
    "response": (flowai.APIResponseError, flowai.FlowAIError),
    "webhook_parse": (flowai.WebhookParseError, ValueError),
    "webhook_verification": (flowai.WebhookVerificationError, flowai.FlowAIError),
    "storage": (flowai.StorageError, OSError),
    "queue_full": (flowai.QueueFullError, flowai.FlowAIError),
    "closed": (flowai.ClosedError, flowai.FlowAIError),
    "forked": (flowai.ForkedError, flowai.FlowAIError),
    "bad_handle": (flowai.InternalError, flowai.FlowAIError),
    "internal": (flowai.InternalError, flowai.FlowAIError),
}


def test_names_and_signatures():
    assert all(getattr(flowai, name) is not None for name in flowai.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        flowai.nonsense  # noqa: B018
    assert re.fullmatch(r"\d+\.\d+\.\d+", flowai.__version__)
    methods = {name for name in dir(flowai.Client) if not name.startswith("_")}
    assert methods == CALLS | {"close", "base_url", "with_options"}
    for name in CALLS:
        parameters = inspect.signature(getattr(flowai.Client, name)).parameters
        assert parameters["timeout"].kind is inspect.Parameter.KEYWORD_ONLY
        assert (parameters.get("write_concern") is not None) == (name in SENDS | {"resolve"})
        assert (parameters.get("events") is not None) == ("history" in name)
        given_by_place = [p for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert all(p.default is p.empty for p in given_by_place)
    assert str(inspect.signature(flowai.Client)) == (
        "(api_key=None, *, base_url=None, originator='Anonymous', timeout=30.0, connect_timeout=5.0,"
        " max_retries=2, auth_scheme='Bearer', metadata_form='seed', max_text_length=255, proxy=None,"
        " ca_file=None, client_cert=None, user_agent=None, trace_ids=True, allow_http=False)"
    )


def test_a_module_lists_its_names_and_nothing_left_over():
    program = """
import types, flowai
flowai.EventKind
left = set(dir(flowai)) - set(flowai.__all__)
print(*sorted(name for name in left if not name.startswith("__")))
print(all(isinstance(getattr(flowai, name), types.ModuleType) for name in left if not name.startswith("__")))
print(set(flowai.__all__) <= set(dir(flowai)))
"""
    assert run_python(program).stdout.splitlines() == [
        "_flowai _kinds exceptions",
        "True",
        "True",
    ]


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_call_has_help(name):
    doc = " ".join(getattr(flowai.Client, name).__doc__.split())
    assert re.search(r'\("[A-Z][a-z ]+" of the API document\)|\(later versions of the API\)', doc)
    assert ">>> " in doc
    if "those of send_text" not in doc:
        parameters = inspect.signature(getattr(flowai.Client, name)).parameters
        assert all(f" {parameter}: " in doc for parameter in parameters if parameter != "self")
        assert re.search(r"Raises [A-Z]\w+Error|Errors come while", doc)


def test_every_kind_of_error_has_its_class():
    assert set(exceptions._BY_KIND) == set(KINDS)
    for kind, (class_, base) in KINDS.items():
        assert exceptions._BY_KIND[kind] is class_
        assert issubclass(class_, flowai.FlowAIError)
        assert issubclass(class_, base)
        assert class_.__qualname__ == class_.__name__
    assert flowai.FlowAIError.__init__.__qualname__ == "FlowAIError.__init__"


@pytest.mark.parametrize("name", exceptions.__all__)
def test_every_exception_survives_pickle_and_copy(name):
    class_ = getattr(flowai, name)
    error = class_(
        "it failed",
        delivery="maybe_sent",
        retryable=True,
        operation="send_text",
        argument="text",
        status=503,
        headers={"a": "b"},
        body="{}",
        server_message="no",
        request_id="r",
        retry_after=1.5,
        errno=errno.EPIPE,
        strerror="Broken pipe",
    )
    for again in (
        *(pickle.loads(pickle.dumps(error, p)) for p in range(6)),
        copy.copy(error),
        copy.deepcopy(error),
    ):
        assert type(again) is class_
        assert str(again) == "it failed"
        assert vars(again) == vars(error)
        assert (again.errno, again.strerror) == (errno.EPIPE, "Broken pipe")
        assert again.args == error.args
    assert class_("x").delivery is None
    assert class_("x").kind
    assert class_.__doc__


def test_an_error_of_the_service_carries_everything(serve):
    body = json.dumps({"status": "error", "message": "no such thread"}).encode()
    server = serve(reply(404, body, {"X-Request-Id": "abc"}))
    with server.client() as client, pytest.raises(flowai.NotFoundError) as caught:
        client.send_text("t", "x")
    error = caught.value
    assert (error.kind, error.status, error.delivery, error.retryable) == (
        "not_found",
        404,
        "rejected",
        False,
    )
    assert (error.operation, error.argument) == ("send_text", None)
    assert (error.server_message, error.request_id, error.body) == ("no such thread", "abc", body.decode())
    assert error.headers["x-request-id"] == "abc"
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


def test_an_error_of_the_system_has_its_number():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with (
            flowai.Client("k", base_url=url, max_retries=0) as client,
            pytest.raises(flowai.APIConnectionError) as caught,
        ):
            client.bot_status("t")
    error = caught.value
    for same in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (same.errno, same.strerror) == (errno.ECONNREFUSED, "Connection refused")
        assert str(same).startswith("bot_status: cannot connect to 127.0.0.1:")
    assert isinstance(error.__cause__, ConnectionRefusedError)
    with pytest.raises(flowai.InvalidArgumentError) as other:
        flowai.Client("")
    assert (other.value.errno, other.value.strerror) == (None, None)


@pytest.mark.parametrize("wrong", [0, -1, 0.0, float("nan"), float("inf"), -float("inf"), 1e300])
@pytest.mark.parametrize("name", ["timeout", "connect_timeout", "idle_timeout"])
def test_timeouts_are_positive_and_finite(name, wrong):
    client = flowai.Client("k", base_url="http://127.0.0.1:1/")
    calls = {
        "timeout": lambda: client.send_text("t", "x", timeout=wrong),
        "connect_timeout": lambda: flowai.Client("k", connect_timeout=wrong),
        "idle_timeout": lambda: client.upload_media("t", b"x", idle_timeout=wrong),
    }
    with pytest.raises(flowai.InvalidArgumentError) as caught:
        calls[name]()
    assert caught.value.argument == name
    assert caught.value.delivery == (None if name == "connect_timeout" else "not_sent")


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.send_text(3, "x"),
        lambda client: client.send_text("t", b"x"),
        lambda client: client.send_text("t", "x", timeout="1"),
        lambda client: client.send_text("t", "x", timeout=True),
        lambda client: client.send_text("t", "x", trace_id="1"),
        lambda client: client.send_text("t", "x", originator=3),
        lambda client: client.send_text("t", "x", params=[1]),
        lambda client: client.send_text("t", "x", params={"a": {1}}),
        lambda client: client.send_text("t", "x", "John"),
        lambda client: client.send_text("t", "x", nonsense=1),
        lambda client: client.send_location("t", None, 1),
        lambda client: client.send_media("t", "https://x/y"),
        lambda client: client.send("t", "x"),
        lambda client: client.send("t", flowai.Profile()),
        lambda client: client.history("t", page="1"),
        lambda client: client.history("t", page=True),
        lambda client: client.iter_history("t", limit=1.5),
        lambda client: client.upload_media("t", 3),
        lambda client: client.upload_media("t", io.StringIO("text")),
        lambda client: client.upload_media("t", b"x", progress=3),
        lambda _: flowai.Client(3),
        lambda _: flowai.Client("k", "http://127.0.0.1/"),
        lambda _: flowai.Client("k", timeout=None, originator=3),
    ],
)
def test_a_wrong_type_is_a_type_error(client, sandbox, call):
    with pytest.raises(TypeError):
        call(client)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda client: client.send_text("\ud800", "x"), "thread_id"),
        (lambda client: client.send_text("t", "\ud800"), "text"),
        (lambda client: client.send_text("t", "x", trace_id=-1), "trace_id"),
        (lambda client: client.send_text("t", "x", trace_id=2**53), "trace_id"),
        (lambda client: client.send_text("t", "x", trace_id=2**70), "trace_id"),
        (lambda client: client.send_text("t", "x", lang="dutch"), "lang"),
        (lambda client: client.send_text("t", "x", timezone=15), "timezone"),
        (lambda client: client.send_text("t", "x", originator=""), "originator.name"),
        (lambda client: client.send_location("t", float("nan"), 1), "lat"),
        (lambda client: client.send_location("t", "north", 1), "lat"),
        (lambda client: client.upload_media("t", "/no/such/file"), "file"),
        (lambda client: client.upload_media("t", b"x", mime_type="png"), "mime_type"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_sent(client, sandbox, call, argument):
    with pytest.raises(flowai.InvalidArgumentError) as caught:
        call(client)
    assert caught.value.argument == argument
    assert caught.value.delivery == "not_sent"
    assert sandbox.requests == []


def payload(sandbox: flowai.Sandbox) -> dict:
    return json.loads(sandbox.requests[-1].body)["payload"]


def test_what_goes_along(sandbox, client):
    client.send_text("t", "x", trace_id=1, lang="nl", timezone=-5, params={"a": [{"value": (1, None)}]})
    assert payload(sandbox) == {
        "type": "text",
        "speech": "x",
        "traceId": 1,
        "lang": "nl",
        "timezone": -5,
        "params": {"a": [{"value": [1, None]}]},
        "originator": {"name": "Anonymous", "role": "external"},
    }
    message = flowai.TextMessage("x", lang="nl", originator="John")
    client.send("t", message, originator=flowai.Originator("Jane", "moderator"), trace_id=2)
    assert payload(sandbox)["originator"] == {"name": "Jane", "role": "moderator"}
    assert payload(sandbox)["lang"] == "nl"
    client.send_location("t", 1, 2.50, title="here")
    assert {name: payload(sandbox)[name] for name in ("lat", "long", "title")} == {
        "lat": "1",
        "long": "2.5",
        "title": "here",
    }


def test_the_client_has_an_originator(sandbox):
    with sandbox.client(originator={"name": "Shop", "role": "external", "vip": True}) as client:
        client.send_event("t", "E")
    assert payload(sandbox)["originator"] == {"name": "Shop", "role": "external", "vip": True}


def test_environment(sandbox, monkeypatch):
    monkeypatch.setenv("FLOWAI_API_KEY", sandbox.api_key)
    monkeypatch.setenv("FLOWAI_BASE_URL", sandbox.base_url)
    with flowai.Client() as client:
        assert client.base_url == sandbox.base_url
        assert client.send_text("t", "x").thread_id == "t"


def test_closing(sandbox):
    client = sandbox.client()
    with client as same:
        assert same is client
    client.close()
    with pytest.raises(flowai.ClosedError) as caught:
        client.send_text("t", "x")
    assert caught.value.delivery == "not_sent"


def test_a_client_says_why_it_cannot_be_pickled(client):
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="make one in each process"):
            attempt(client)
    assert repr(client) == f"<flowai.Client base_url='{client.base_url}'>"


def test_history(sandbox, client):
    for number in range(25):
        client.send_text("t", str(number))
    page = client.history("t")
    assert (page.thread_id, page.page, page.pages, len(page.entries)) == ("t", 1, 3, 20)
    everything = [entry.text for entry in client.iter_history("t")]
    assert everything == [entry.messages[0].text for entry in client.iter_history("t")]
    assert len(everything) == 50
    assert everything[:20] == [entry.messages[0].text for entry in page.entries]
    before = len(sandbox.requests)
    entries = client.iter_history("t", limit=20, timeout=5)
    assert iter(entries) is entries
    assert len(list(entries)) == 20
    assert len(sandbox.requests) == before + 1
    assert list(client.iter_history("t", limit=0)) == []
    again = client.iter_history("t")
    sandbox.fail_next(status=404)
    with pytest.raises(flowai.NotFoundError):
        next(again)
    assert next(again).messages[0].text == everything[0]


WARNING = "runs on the event loop's thread and blocks it"


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=ENVIRONMENT,
    )


LATER = """
import sys, flowai
def late():
    made = {"flowai._handling", "flowai._many", "flowai._kinds", "flowai._webhook"} & set(sys.modules)
    return sorted(made | {name for name in flowai.exceptions.__all__ if name in vars(flowai.exceptions)})
print(late())
assert flowai.Client.iter_send_many.__qualname__ == "Client.iter_send_many"
assert "later" not in str(vars(flowai.Client)["send_many"]).lower()
print(late())
"""


def test_what_few_programs_need_is_made_when_it_is_asked_for():
    first, second = run_python(LATER).stdout.splitlines()
    assert first == "[]"
    assert "'flowai._many'" in second
    assert "'flowai._handling'" not in second


def test_an_error_needs_no_file():
    program = """
import os, resource, flowai
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, limit))
taken = []
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    pass
try:
    flowai.parse_event(b"no JSON")
except flowai.WebhookParseError as error:
    os.write(1, f"{error.kind} {type(error).__module__}.{type(error).__qualname__}".encode())
"""
    result = run_python(program)
    assert result.stdout == "webhook_parse flowai.exceptions.WebhookParseError", result.stderr


def test_threads_that_race_get_the_same_classes():
    program = """
import sys, threading, flowai
sys.setswitchinterval(1e-6)
ready, found = threading.Barrier(8), []
def fail():
    ready.wait()
    try:
        flowai.parse_event(b"no JSON")
    except ValueError as error:
        found.append(type(error))
    found.append(flowai.exceptions.WebhookParseError)
threads = [threading.Thread(target=fail) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(found), set(found) == {flowai.WebhookParseError})
"""
    assert run_python(program).stdout == "16 True\n"


ASYNC = """
import asyncio, sys, flowai
{before}
with flowai.Sandbox() as sandbox:
    client = sandbox.client()
    client.send_text("t", "outside")
    async def main():
        for _ in range(3):
            client.send_text("t", "inside")
        await asyncio.to_thread(client.send_text, "t", "beside")
        list(client.iter_history("t"))
    asyncio.run(main())
"""


def test_a_running_event_loop_is_warned_about_once():
    result = run_python(ASYNC.format(before=""))
    assert result.returncode == 0, result.stderr
    assert result.stderr.count(WARNING) == 1
    assert "RuntimeWarning" in result.stderr


def test_notebooks_are_not_warned():
    result = run_python(ASYNC.format(before="sys.modules['ipykernel'] = sys"))
    assert (result.returncode, result.stderr) == (0, "")


def test_a_warning_may_be_an_error():
    result = run_python(ASYNC.format(before="import warnings; warnings.simplefilter('error')"))
    assert result.returncode == 1
    assert re.search(f"^RuntimeWarning: .*{WARNING}", result.stderr, re.MULTILINE)


def test_a_panic_is_an_error_of_ours():
    with pytest.raises(flowai.InternalError, match="a defect of this library: on purpose"):
        _flowai._panic()


def test_importing_does_not_look_for_classes_later():
    """What is raised while a signal is being handled must not import anything."""
    program = """
import sys, flowai
client = flowai.Client("k", base_url="http://127.0.0.1:1/", max_retries=0)
class Refuse:
    def find_spec(self, *_):
        raise SystemError("imported late")
sys.meta_path.insert(0, Refuse())
for call in (lambda: client.send_text("t", "x"), lambda: flowai.parse_event("x"), lambda: flowai.Client("")):
    try:
        call()
    except flowai.FlowAIError:
        continue
    sys.exit(1)
"""
    assert run_python(program).returncode == 0


def test_typed_usage_runs(tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"not really")
    assert typed_usage.main(photo) == "Hello"


def test_typed_usage_of_asyncio_runs(tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"not really")
    assert typed_async.main(photo) == "Hello, Again"


def test_typed_usage_of_webhooks_runs(tmp_path):
    assert typed_webhook.main(tmp_path) == ["", "Hello", "Hello", "Hello", "payment.failed"]


def test_typed_usage_of_the_sandbox_runs(tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"not really")
    told = ["rejected 60.0", "maybe_sent 503 busy", "maybe_sent 503 busy", "maybe_sent"]
    assert typed_testing.main(photo) == told


def tool(*command: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=600, check=False, cwd=ROOT
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_types():
    tool("mypy")
    tool("mypy.stubtest", "flowai")


def test_stubs_are_up_to_date():
    subprocess.run(
        [sys.executable, "crates/flowai-python/stubs.py", "--check"], cwd=ROOT, timeout=120, check=True
    )


def test_style():
    tool("ruff", "check", "python", "tests/python", "examples/python", "crates/flowai-python")
    tool("ruff", "format", "--check", "python", "tests/python", "examples/python", "crates/flowai-python")
