"""The shared vectors of calls and of outcomes, run by programs in C that are written from them."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import compare
import generate
import pytest

from conftest import VECTORS

Json = Any

# Every file of calls; the calls of `outcomes` go to servers that fail.
CALLS = sorted(
    path.stem
    for path in VECTORS.glob("*.json")
    if path.stem != "outcomes" and '"call":' in path.read_text(encoding="utf-8")
)
KEY = "MY_MESSAGING_API_KEY"
RERUNS = 3


# What an interface in C cannot express, and why.
SKIPPED = {
    "refuse-thread-id-nul": "a NUL ends a text",
    "broadcast-unknown-fields": "a channel has two arguments and no other fields",
}


def fill_in(value: Json, names: dict[str, str]) -> Json:
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda match: names.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [fill_in(item, names) for item in value]
    if isinstance(value, dict):
        return {key: fill_in(item, names) for key, item in value.items()}
    return value


class Runner:
    """A program for all cases of some vectors, which are run one process each."""

    def __init__(
        self,
        vectors: list[Json],
        server: dict[str, str],
        name: str,
        *arguments: str,
        function: Callable[..., str] = generate.function,
    ) -> None:
        self.vectors = vectors
        self.arguments = arguments
        self.functions = []
        for number, vector in enumerate(vectors):
            names = server | {"id": vector["id"], "run": self.run_name(vector, name)}
            client = fill_in(vector.get("client", {}), names)
            client.setdefault("api_key", KEY)
            client.setdefault("base_url", f"{server['http']}/vector/{vector['id']}/{names['run']}/rest/v1/")
            call = fill_in(vector["call"], names)
            self.functions.append(function(number, vector, client, call))

    @staticmethod
    def run_name(vector: Json, name: str) -> str:
        return name + re.sub(r"\W", "", vector["id"])

    def compile(self, folder: Path, compile_c: Callable[..., Path], name: str) -> None:
        source = folder / f"{name}.c"
        source.write_text(generate.program(self.functions))
        # Written by a program: texts of any length, and variables that not every case needs.
        options = ["-Wno-overlength-strings", "-Wno-unused", "-Wno-deprecated-declarations"]
        options += [f"-I{Path(__file__).parent}", "-O0"]
        self.program = compile_c(source, *options)

    def run(self, number: int) -> tuple[list[Json], float]:
        began = time.monotonic()
        command = [str(self.program), str(number), *self.arguments]
        done = subprocess.run(command, capture_output=True, timeout=120, encoding="utf-8")
        took = time.monotonic() - began
        assert done.returncode == 0, (
            f"{self.vectors[number]['id']}: {done.returncode} {done.stdout} {done.stderr}"
        )
        return [json.loads(line) for line in done.stdout.splitlines()], took

    def all_problems(self, check: Callable[[Json, list[Json], float], list[str]]) -> list[str]:
        def case(number: int) -> list[str]:
            vector = self.vectors[number]
            try:
                problems = check(vector, *self.run(number))
            except (AssertionError, subprocess.TimeoutExpired, ValueError) as error:
                problems = [str(error)]
            return [f"{vector['id']}: {problem}" for problem in problems]

        with ThreadPoolExecutor(8) as pool:
            return [problem for problems in pool.map(case, range(len(self.vectors))) for problem in problems]


def fetch(url: str) -> Json:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def load(name: str) -> list[Json]:
    return [vector for vector in json.loads((VECTORS / f"{name}.json").read_text()) if "call" in vector]


def documents_read(vector: Json, result: Json) -> list[Json]:
    """The documents of a result that must be equal to what the service sent."""
    match vector["call"]["op"], result:
        case (("segments" | "business_hours"), list()):
            return result
        case (("history" | "iter_history"), {"entries": entries}):
            return list(entries)
    return []


@pytest.mark.parametrize("area", CALLS)
def test_calls(area: str, server: dict[str, str], compile_c: Callable[..., Path], tmp_path: Path) -> None:
    vectors = load(area)
    assert vectors
    runner = Runner([vector for vector in vectors if vector["id"] not in SKIPPED], server, "c")
    runner.compile(tmp_path, compile_c, area)

    def check(vector: Json, printed: list[Json], _: float) -> list[str]:
        verdict = fetch(f"{server['http']}/verdict/{vector['id']}/{Runner.run_name(vector, 'c')}")
        problems = [*compare.result_problems(vector, printed[-1]), *verdict["problems"]]
        came = [exchange.get("response", {}).get("json") for exchange in vector.get("exchanges", [vector])]
        changed = compare.changed(documents_read(vector, printed[-1].get("ok")), came)
        return problems + [f"changed: {document}" for document in changed]

    problems = runner.all_problems(check)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("how", ["json", "queue"])
def test_calls_by_name(
    how: str, server: dict[str, str], compile_c: Callable[..., Path], tmp_path: Path
) -> None:
    """Every call again, by the name of its operation: with JSON in and JSON out, and through a queue."""
    vectors = [vector for area in CALLS for vector in load(area)]
    name = f"c{how}"
    runner = Runner(vectors, server, name, function=partial(generate.by_name, how=how))
    runner.compile(tmp_path, compile_c, name)

    def check(vector: Json, printed: list[Json], _: float) -> list[str]:
        verdict = fetch(f"{server['http']}/verdict/{vector['id']}/{Runner.run_name(vector, name)}")
        last = printed[-1]
        if "ok" in last:
            last = {"ok": compare.named(vector["call"]["op"], last["ok"])}
        return [*compare.result_problems(vector, last), *verdict["problems"]]

    problems = runner.all_problems(check)
    assert not problems, "\n".join(problems)


def outcome_problems(vector: Json, printed: list[Json], took: float, counts: Json) -> list[str]:
    problems = []
    for number, line in enumerate(printed):
        if number + 1 < vector.get("times", 1) and "error" in line:
            problems.append(f"call {number}: {line}")
        receipt = line.get("ok")
        if not isinstance(receipt, dict):
            continue
        # The server gives each acknowledgement the trace id of its request as its request id.
        seen, ours = receipt.get("request_id"), receipt.get("trace_id")
        if seen and ours and seen != str(ours) and vector["call"]["op"] != "upload_media":
            problems.append(f"call {number} took the answer of another: {receipt}")
    if len(printed) != vector.get("times", 1):
        problems.append(f"{len(printed)} results")
    expected = vector["expect"].get("error")
    last = printed[-1]
    if expected and "error" in last:
        problems += compare.error_problems(expected, last["error"])
    elif bool(expected) != ("error" in last):
        problems.append(f"expected {vector['expect']}, got {last}")
    for name, found in [("requests", counts["requests_read"]), ("distinct", counts["distinct"])]:
        if name in vector and vector[name] != found:
            problems.append(f"{name}: expected {vector[name]}, got {found}")
    if counts["connections"] > vector.get("connections", counts["connections"]):
        problems.append(f"{counts['connections']} connections")
    if not vector.get("at_least_seconds", 0) <= took <= vector.get("at_most_seconds", took):
        problems.append(f"took {took} s")
    return problems


def check_outcomes(
    vectors: list[Json],
    name: str,
    server: dict[str, str],
    compile_c: Callable[..., Path],
    folder: Path,
    *arguments: str,
) -> list[str]:
    runner = Runner(vectors, server, name, *arguments)
    runner.compile(folder, compile_c, name)

    def check(vector: Json, printed: list[Json], took: float) -> list[str]:
        counts = fetch(f"{server['http']}/count/{Runner.run_name(vector, name)}")
        return outcome_problems(vector, printed, took, counts)

    return runner.all_problems(check)


def test_outcomes(server: dict[str, str], compile_c: Callable[..., Path], tmp_path: Path) -> None:
    vectors = load("outcomes")
    assert len(vectors) > 150
    problems = check_outcomes(vectors, "coutcomes", server, compile_c, tmp_path)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("driver", ["alone", "driven"])
def test_idle_connections_that_the_server_closes(
    driver: str, server: dict[str, str], compile_c: Callable[..., Path], tmp_path: Path
) -> None:
    """200 sends, 45 ms apart, to servers that close idle connections after 20 ms in every way there is.

    Once by themselves, and once while a receiver has a thread that does the library's work too. A server
    that is kept from the processor may close a connection just when a request is on its way: no client can
    know, so what failed is run again, and must be without an error then.
    """
    vectors = [
        vector | {"times": 200, "pause_ms": 45, "requests": 200, "distinct": 200}
        for vector in load("outcomes")
        if vector["id"].startswith(("idle-", "stale-answer-")) and "-send" in vector["id"]
    ]
    assert len(vectors) >= 7
    problems: list[str] = []
    for attempt in range(RERUNS):
        name = f"cidle{driver}{attempt}"
        problems = check_outcomes(vectors, name, server, compile_c, tmp_path, driver)
        assert not [problem for problem in problems if "answer of another" in problem], "\n".join(problems)
        vectors = [vector for vector in vectors if any(p.startswith(f"{vector['id']}: ") for p in problems)]
        if not vectors:
            break
    assert not problems, "\n".join(problems)
