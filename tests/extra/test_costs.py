"""What a message, an event and a webhook call cost in instructions and allocations has not grown.

callgrind counts them in a process of Python with the package as users install it: nothing here depends on
time. What counts is the difference of two runs that differ in how much they do, so that starting up does not.
The figures are in costs.json; `make costs` writes them anew, which belongs into the change that moved them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

import flowai

FIGURES = Path(__file__).with_name("costs.json")
PYTHON = "{}.{}".format(*sys.version_info)
FEW, MANY = 100, 600
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "memalign", "aligned_alloc"}
KEY = "MY_MESSAGING_API_KEY"

EVENT = json.dumps(
    {
        "type": "message.reply",
        "threadId": "thread-1|web",
        "messages": [
            {"fallback": "Hi", "responses": [{"type": "text", "payload": {"message": "word " * 250}}]}
        ],
    }
)

SEND = """
client = flowai.Client("MY_MESSAGING_API_KEY", base_url=sys.argv[2], originator="John Doe")
print(flush=True)
for number in range(int(sys.argv[1])):
    client.send_text("thread-1", "a message of some length")
"""
AWAITED_SENDS = """
import asyncio

async def main():
    client = flowai.AsyncClient("MY_MESSAGING_API_KEY", base_url=sys.argv[2], originator="John Doe")
    print(flush=True)
    for number in range(int(sys.argv[1])):
        await client.send_text("thread-1", "a message of some length")

asyncio.run(main())
"""
MANY_SENDS = """
client = flowai.Client("MY_MESSAGING_API_KEY", base_url=sys.argv[2], originator="John Doe")
print(flush=True)
texts = [(f"thread-{number}", "a message of some length") for number in range(int(sys.argv[1]))]
for result in client.send_many(texts, concurrency=1):
    assert not isinstance(result, Exception)
"""
PARSE = """
verifier = flowai.Verifier.header("x-secret", "a secret")
headers = {"X-Secret": "a secret"}
print(flush=True)
for number in range(int(sys.argv[1])):
    event = verifier.unwrap(sys.argv[2].encode(), headers)
    event.type, event.thread_id, event.text
"""
RECEIVE = """
with flowai.Receiver(verifier=None) as receiver:
    print(receiver.url, flush=True)
    for number in range(int(sys.argv[1])):
        assert receiver.next(timeout=60).text
"""


class Workload(NamedTuple):
    """A program, and how much more than its stored figures it may spend unnoticed.

    Where several threads wait for each other, how often one looks in vain varies with the machine.
    """

    code: str
    instructions: float
    allocations: float


WORKLOADS = {
    "send": Workload(SEND, 1.08, 1.02),
    "send_awaited": Workload(AWAITED_SENDS, 1.15, 1.05),
    "send_many": Workload(MANY_SENDS, 1.15, 1.05),
    "parse": Workload(PARSE, 1.05, 1.02),
    "receive": Workload(RECEIVE, 1.25, 1.1),
}


def call(url: str, count: int) -> None:
    """Call a webhook so many times over one connection."""
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=60)
    for _ in range(count):
        connection.request("POST", "/", EVENT.encode())
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
    connection.close()


def counted(code: str, count: int, argument: str, profile: Path) -> tuple[int, int]:
    """Run a program under callgrind; return its instructions and its allocations."""
    tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}"]
    command = [*tool, sys.executable, "-c", f"import sys, flowai\n{code}", str(count), argument]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=os.environ | {"PYTHONHASHSEED": "0"}, **pipes) as process:
        assert process.stdout is not None
        if url := process.stdout.readline().strip():
            call(url, count)
        _, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    lines = profile.read_text().splitlines()
    total = next(int(line.split()[1]) for line in lines if line.startswith("summary:"))
    return total, sum(allocations(lines))


def allocations(profile: list[str]) -> Iterator[int]:
    """Give how often each called an allocator: `cfn=(7) malloc` or, later, `cfn=(7)`, then `calls=3`."""
    allocators: set[str] = set()
    called = ""
    for line in profile:
        if found := re.match(r"c?fn=(\(\d+\))(?: (.*))?", line):
            number, name = found.groups()
            if name in ALLOCATORS:
                allocators.add(number)
            called = number if line.startswith("cfn") else ""
        elif line.startswith("calls=") and called in allocators:
            yield int(line.split()[0].removeprefix("calls="))


def spent(code: str, argument: str, folder: Path) -> dict[str, float]:
    """Count what one turn of a program costs."""
    with ThreadPoolExecutor() as both:
        few, many = both.map(lambda count: counted(code, count, argument, folder / str(count)), (FEW, MANY))
    turns = MANY - FEW
    return {
        "instructions": round((many[0] - few[0]) / turns),
        "allocations": round((many[1] - few[1]) / turns, 2),
    }


@contextlib.contextmanager
def argument(what: str) -> Iterator[str]:
    if what.startswith("send"):
        with flowai.Sandbox(api_key=KEY) as sandbox:
            yield sandbox.base_url
    else:
        yield EVENT


@pytest.mark.tool("valgrind")
@pytest.mark.parametrize("what", WORKLOADS)
def test_costs(what: str, tool: str, tmp_path: Path) -> None:
    del tool
    stored = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    workload = WORKLOADS[what]
    with argument(what) as given:
        figures = spent(workload.code, given, tmp_path)
    print(what, figures)
    if os.environ.get("FLOWAI_UPDATE_COSTS"):
        FIGURES.write_text(json.dumps(stored | {"python": PYTHON, what: figures}, indent=2) + "\n")
        return
    if stored["python"] != PYTHON:
        pytest.skip(f"counted with Python {stored['python']}: every version has costs of its own")
    for name, figure in figures.items():
        most = stored[what][name] * getattr(workload, name)
        assert figure <= most, f"{what}: {figure} {name}, at most {most:.0f}; `make costs` if that is meant"
