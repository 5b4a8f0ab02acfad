"""The shared vectors in Python: what they hold, the server that answers them, how their calls are made."""

from __future__ import annotations

import asyncio
import atexit
import base64
import contextlib
import io
import json
import os
import re
import subprocess
import tempfile
import threading
import traceback
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flowai

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"
KEY = "MY_MESSAGING_API_KEY"
# Every file of calls; the calls of `outcomes` go to servers that fail.
CALLS = tuple(
    sorted(
        path.stem
        for path in VECTORS.glob("*.json")
        if path.stem != "outcomes" and '"call":' in path.read_text(encoding="utf-8")
    )
)

# A machine's own settings are not what is tested.
for _name in ("FLOWAI_API_KEY", "FLOWAI_BASE_URL", "FLOWAI_WEBHOOK_SECRET"):
    os.environ.pop(_name, None)

# The class of each kind of error, and what it is beside that.
CLASSES: dict[str, tuple[type[Exception], ...]] = {
    "invalid_argument": (flowai.InvalidArgumentError, ValueError),
    "connection": (flowai.APIConnectionError, ConnectionError),
    "timeout": (flowai.APITimeoutError, TimeoutError),
    "bad_request": (flowai.BadRequestError, flowai.APIStatusError),
    "authentication": (flowai.AuthenticationError, flowai.APIStatusError),
    "not_found": (flowai.NotFoundError, flowai.APIStatusError),
    "payload_too_large": (flowai.PayloadTooLargeError, flowai.APIStatusError),
    "rate_limited": (flowai.RateLimitError, flowai.APIStatusError),
    "server": (flowai.ServerError, flowai.APIStatusError),
    "redirect": (flowai.RedirectError, flowai.APIStatusError),
    "response": (flowai.APIResponseError,),
    "webhook_parse": (flowai.WebhookParseError, ValueError),
    "webhook_verification": (flowai.WebhookVerificationError,),
}


def load(area: str) -> list[dict[str, Any]]:
    """The cases of one file."""
    cases: list[dict[str, Any]] = json.loads((VECTORS / f"{area}.json").read_text(encoding="utf-8"))
    return cases


class Server:
    """The process that serves the vectors and misbehaves on request."""

    def __init__(self) -> None:
        folder = Path(os.environ.get("FLOWAI_BIN_DIR") or ROOT / "target" / "debug").resolve()
        binary = folder / "flowai-testkit"
        if not binary.exists():
            raise RuntimeError(
                f"{binary} is missing: run `cargo build -p flowai-testkit`, "
                "and set FLOWAI_BIN_DIR when cargo builds into another folder"
            )
        command = [str(binary), "serve", "--vectors", str(VECTORS)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.values: dict[str, str] = json.loads(self.process.stdout.readline())
        # Names of this machine's proxies in the environment must not be asked for 127.0.0.1.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def stop(self) -> None:
        with self.process as process:
            assert process.stdin is not None
            process.stdin.close()

    def _get(self, path: str) -> dict[str, Any]:
        with self.opener.open(self.values["http"] + path, timeout=30) as answer:
            document: dict[str, Any] = json.load(answer)
            return document

    def verdict(self, case: str, run: str) -> dict[str, Any]:
        return self._get(f"/verdict/{case}/{run}")

    def counts(self, run: str) -> dict[str, Any]:
        return self._get(f"/count/{run}")

    def given_up(self, run: str) -> str:
        """The address that tells how many idle connections of the run the server gave up."""
        return f"{self.values['http']}/given-up/{run}"

    def fault(self, behaviour: str, run: str, tls: bool = False) -> dict[str, Any]:
        """The options of a client that talks to a misbehaving server."""
        host = self.values["https" if tls else "http"]
        options: dict[str, Any] = {"api_key": KEY, "base_url": f"{host}/fault/{behaviour}/{run}/rest/v1/"}
        if tls:
            options["ca_file"] = self.values["ca_file"]
        return options


_SERVERS: list[Server] = []
_STARTING = threading.Lock()


def server() -> Server:
    """One server for all tests of this process."""
    with _STARTING:
        if not _SERVERS:
            _SERVERS.append(Server())
            atexit.register(_SERVERS[0].stop)
        return _SERVERS[0]


def fill_in(value: Any, names: dict[str, str]) -> Any:
    """The value with every `${name}` in its strings in place."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: names.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [fill_in(item, names) for item in value]
    if isinstance(value, dict):
        return {name: fill_in(item, names) for name, item in value.items()}
    return value


def filled(vector: dict[str, Any], part: str, run: str, n: int = 0) -> dict[str, Any]:
    names = {**server().values, "id": vector["id"], "run": run, "n": str(n)}
    document: dict[str, Any] = fill_in(vector.get(part) or {}, names)
    return document


class Listed(list[Any]):
    """What an asynchronous iterator gave, and what its items are called in the vectors."""

    name = ""


class Awaited:
    """An AsyncClient that is used like a Client: each call has an event loop of its own."""

    def __init__(self, **options: Any) -> None:
        self.client = flowai.AsyncClient(**options)

    def with_options(self, **options: Any) -> Awaited:
        changed = Awaited.__new__(Awaited)
        changed.client = self.client.with_options(**options)
        return changed

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(**args: Any) -> Any:
            made = getattr(self.client, name)(**args)
            if not name.startswith("iter_"):
                return await made
            listed = Listed([item async for item in made])
            listed.name = "threads" if name == "iter_threads" else "entries"
            return listed

        return lambda **args: asyncio.run(call(**args))


# The same calls, to wait for and to await.
FACES: dict[str, type[Any]] = {"Client": flowai.Client, "AsyncClient": Awaited}


def client_for(vector: dict[str, Any], run: str, face: str = "Client") -> Any:
    base_url = f"{server().values['http']}/vector/{vector['id']}/{run}/rest/v1/"
    return FACES[face](**{"api_key": KEY, "base_url": base_url, **filled(vector, "client", run)})


# How a file can be given.
FILE_FORMS = ("path", "object", "bytes")


@contextlib.contextmanager
def _file(description: dict[str, Any], form: str) -> Iterator[dict[str, Any]]:
    """The arguments that give the file of a vector in one of the forms."""
    size = description.get("fill", 0)
    name = description.get("filename")
    if "text" in description:
        content = description["text"].encode()
    elif "base64" in description:
        content = base64.b64decode(description["base64"])
    elif size < 100_000_000:
        content = b"x" * size
    else:
        form = "path"
        content = None
    if name is None or form == "bytes":
        given = {"filename": name} if name is not None else {}
        yield {"file": content, **given}
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        with path.open("wb") as file:
            # What is so large is refused by its size, so its content is never looked at.
            file.truncate(size) if content is None else file.write(content)
        if form == "path":
            yield {"file": path}
        else:
            with path.open("rb") as file:
                yield {"file": file}


def perform(client: Any, call: dict[str, Any], form: str = "path") -> Any:
    """Makes a call by its public names; gives what it returns in the form of the vectors."""
    args = dict(call["args"])
    if "options" in call:
        client = client.with_options(**call["options"])
    method: Callable[..., Any] = getattr(client, call["op"])
    if call["op"] == "upload_media":
        with _file(args.pop("file"), form) as file:
            return result(method(**{**file, **args}))
    if call["op"] == "takeover":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return result(method(**args))
    returned = method(**args)
    return {"thread_id": returned} if call["op"] == "create_thread" else result(returned)


def result(value: Any) -> Any:
    """What a call returned, in the form of the vectors."""
    match value:
        case flowai.Receipt(thread_id, trace_id, status, request_id):
            return {
                "thread_id": thread_id or None,
                "trace_id": trace_id,
                "status": status,
                "request_id": request_id,
            }
        case flowai.HistoryPage():
            entries = wire(value.entries)
            page = {"page": value.page, "pages": value.pages}
            return {"thread_id": value.thread_id, **page, "entries": entries}
        case flowai.BotStatus():
            return {"thread_id": value.thread_id, "is_paused": value.is_paused}
        case flowai.ThreadsPage(threads, page, pages):
            return {"threads": list(threads), "page": page, "pages": pages}
        case Listed():
            return {value.name: [item if isinstance(item, str) else item.to_dict() for item in value]}
        case list():
            return [item if isinstance(item, str) else item.to_dict() for item in value]
        case flowai.HistoryIterator():
            return {"entries": wire(value)}
        case flowai.ThreadIterator():
            return {"threads": list(value)}
        case flowai.Reply(text, messages):
            return {
                "text": text,
                "thread_id": value.thread_id,
                "trace_id": value.trace_id,
                "messages": len(messages),
                "responses": [[part.type for part in message.responses] for message in messages],
                "quick_replies": [reply.label for reply in value.quick_replies],
            }
        case flowai.Response(status):
            return {"status": status, "json": body_as_json(value)}
    raise AssertionError(f"no vector knows {value!r}")


def body_as_json(response: flowai.Response) -> Any:
    try:
        return response.json()
    except flowai.APIResponseError:
        return None


def wire(documents: Any) -> list[dict[str, Any]]:
    return [document.to_dict() for document in documents]


def compare(expected: Any, actual: Any) -> list[str]:
    """What of a result is not as a vector says; of an object only the members that the vector gives."""
    if isinstance(expected, dict) and isinstance(actual, dict) and _matcher(expected) is None:
        return [p for name in expected for p in _mismatches(expected[name], actual.get(name), name)]
    return list(_mismatches(expected, actual, "the value"))


def _matcher(value: Any) -> tuple[str, Any] | None:
    if isinstance(value, dict) and len(value) == 1:
        ((name, argument),) = value.items()
        return (name, argument) if name.startswith("$") else None
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "anything": lambda value: True,
}


def _matches(name: str, argument: Any, actual: Any) -> bool:
    match name:
        case "$absent":
            return actual is None
        case "$optional":
            return actual is None or not list(_mismatches(argument, actual, ""))
        case "$one_of":
            return actual in argument
        case "$contains":
            return isinstance(actual, str) and argument in actual
        case "$starts_with":
            return isinstance(actual, str) and actual.startswith(argument)
        case "$any":
            return actual is not None and _KINDS[argument](actual)
    raise AssertionError(f"no such matcher: {name}")


def _mismatches(expected: Any, actual: Any, path: str) -> Iterator[str]:
    """Null is the same as absent."""
    if (matcher := _matcher(expected)) is not None:
        if not _matches(*matcher, actual):
            yield f"{path} is {actual!r}, which is not {matcher}"
    elif isinstance(expected, dict) and isinstance(actual, dict):
        for name in {**expected, **actual}:
            yield from _mismatches(expected.get(name), actual.get(name), f"{path}.{name}")
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"{path} has {len(actual)} items instead of {len(expected)}"
        for place, (one, other) in enumerate(zip(expected, actual, strict=False)):
            yield from _mismatches(one, other, f"{path}[{place}]")
    elif isinstance(expected, bool) is not isinstance(actual, bool) or expected != actual:
        yield f"{path} is {actual!r} instead of {expected!r}"


def shown(error: BaseException) -> str:
    """Everything that an exception can show of itself, causes included."""
    text = io.StringIO()
    seen: BaseException | None = error
    while seen is not None:
        text.write(f"{seen} {seen!r} {seen.args!r} {vars(seen)!r}\n")
        seen = seen.__cause__ or seen.__context__
    text.write("".join(traceback.format_exception(error)))
    return text.getvalue()


def error_problems(expected: dict[str, Any], error: flowai.FlowAIError) -> list[str]:
    """What of an error is not as the `error` of a vector says."""
    problems = []
    classes = CLASSES.get(error.kind, ())
    if not classes or not all(isinstance(error, class_) for class_ in classes):
        problems.append(f"the kind {error.kind} is raised as {type(error).__name__}")
    text = shown(error)
    for name, value in expected.items():
        wanted = value if isinstance(value, list) else [value]
        match name:
            case "kind":
                right = error.kind in wanted
            case "argument":
                found = error.argument or ""
                right = any(found == name or found.startswith(f"{name}.") for name in wanted)
            case "message_contains":
                right = value in str(error)
            case "must_not_contain":
                right = value not in text
            case "delivery" | "status" | "retryable" | "server_message" | "retry_after" | "request_id":
                found = getattr(error, name)
                right = found == value
            case _:
                raise AssertionError(f"the vectors expect {name}, which this runner does not know")
        if not right:
            problems.append(f"{name}: expected {value!r}, got {text.splitlines()[0]}")
    return problems
