"""The table of outcomes: what is said of a message when the server misbehaves, and what is tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import flowai
from vectors import FACES, FILE_FORMS, client_for, error_problems, filled, load, perform, server

WORKERS = 8


def run_case(vector: dict[str, Any], run: str, form: str, face: str) -> Iterator[str]:
    client = client_for(vector, run, face)
    times = vector.get("times", 1)
    began = time.monotonic()
    for n in range(times):
        if n > 0:
            time.sleep(vector.get("pause_ms", 0) / 1000)
        expected = vector["expect"].get("error") if n + 1 == times else None
        try:
            result = perform(client, filled(vector, "call", run, n), form)
        except flowai.FlowAIError as error:
            if expected:
                yield from error_problems(expected, error)
            else:
                yield f"call {n}: {error!r} {error.delivery}"
        else:
            if expected:
                yield f"expected {expected}, got {result}"
            # The server does not read the trace id of a form.
            if vector["call"]["op"] != "upload_media" and isinstance(result, dict):
                seen, ours = result.get("request_id"), result.get("trace_id")
                if seen is not None and ours is not None and seen != str(ours):
                    yield f"call {n} took the answer of another: {seen} for {ours}"
    took = time.monotonic() - began
    counts = server().counts(run)
    for member, found in (("requests", counts["requests_read"]), ("distinct", counts["distinct"])):
        if vector.get(member, found) != found:
            yield f"{member}: expected {vector[member]}, got {found}"
    if counts["connections"] > vector.get("connections", counts["connections"]):
        yield f"{counts['connections']} connections, at most {vector['connections']} are right"
    if took < vector.get("at_least_seconds", 0):
        yield f"took only {took} s"
    if took > vector.get("at_most_seconds", took):
        yield f"took {took} s"


@pytest.mark.parametrize("face", FACES)
def test_every_outcome_is_as_the_table_says(face: str) -> None:
    vectors = load("outcomes")
    assert len(vectors) > 300
    waiting = [
        (vector, form)
        for vector in reversed(vectors)
        for form in (FILE_FORMS if vector["call"]["op"] == "upload_media" else FILE_FORMS[:1])
    ]
    cases = [f"{vector['id']}, {form}" for vector, form in waiting]
    problems: list[str] = []
    done: list[str] = []

    def work() -> None:
        while True:
            try:
                vector, form = waiting.pop()
            except IndexError:
                return
            case = f"{vector['id']}, {form}"
            run = f"python{face}{form}{vector['id']}".replace("-", "")
            try:
                problems.extend(f"{case}: {problem}" for problem in run_case(vector, run, form, face))
            except BaseException as error:
                problems.append(f"{case}: {error!r}")
            done.append(case)

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems)
    assert sorted(done) == sorted(cases)


def test_waiting_calls_do_not_hold_the_interpreter() -> None:
    client = flowai.Client(**server().fault("stall", "pythonoverlap"), max_retries=0)
    kinds: list[str] = []

    def stall() -> None:
        try:
            client.bot_status("t", timeout=1.5)
        except flowai.APITimeoutError as error:
            kinds.append(error.kind)

    threads = [threading.Thread(target=stall) for _ in range(WORKERS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds == ["timeout"] * WORKERS
    # One after the other they would take WORKERS times as long as one.
    assert time.monotonic() - began < 1.5 * WORKERS / 2
