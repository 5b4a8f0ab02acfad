"""The examples, and the ways to link the library."""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from conftest import CXX, INCLUDE, ROOT, WARNINGS, runnable

EXAMPLES = ROOT / "examples" / "c"
TEXT = "Hello from an example"


def test_send_and_receive(compile_c: Callable[..., Path], loop: dict[str, str]) -> None:
    send, receive = compile_c(EXAMPLES / "send.c"), compile_c(EXAMPLES / "receive.c")
    command = [str(receive), loop["FLOWAI_LISTEN"], "2", "30"]
    with subprocess.Popen(command, env=loop, stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout is not None
        assert receiver.stdout.readline().startswith("listening on http://127.0.0.1:")
        sent = subprocess.run([send, "thread-1", TEXT], env=loop, capture_output=True, text=True, timeout=30)
        assert sent.returncode == 0, sent.stderr
        assert re.fullmatch(r"sent to thread-1, trace id \d+\n", sent.stdout)
        events = [line.rstrip("\n").split("\t") for line in receiver.stdout]
        assert receiver.wait(timeout=60) == 0
    assert {kind for kind, _, _ in events} == {"message.reply", "message.delivered"}
    assert all(thread_id.startswith("thread-1") and TEXT in text for _, thread_id, text in events), events


def test_an_inbox_loses_nothing_when_it_is_killed(
    compile_c: Callable[..., Path], loop: dict[str, str], tmp_path: Path
) -> None:
    send, inbox = compile_c(EXAMPLES / "send.c"), compile_c(EXAMPLES / "inbox.c")
    command = [str(inbox), str(tmp_path / "flowai.db"), loop["FLOWAI_LISTEN"]]
    texts = [f"message {number}" for number in range(12)]
    handled: list[list[str]] = []
    for number, text in enumerate(texts):
        with subprocess.Popen(command, env=loop, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdout.readline().startswith("listening on http://127.0.0.1:")
            arguments = [send, f"thread-{number % 3}", text]
            assert subprocess.run(arguments, env=loop, stdout=subprocess.DEVNULL, timeout=30).returncode == 0
            # In the middle of whatever it does: what it has not said is to be found by the next one.
            handled.append(program.stdout.readline().rstrip("\n").split("\t"))
            time.sleep(0.01 * (number % 4))
            program.kill()
            handled += [line.rstrip("\n").split("\t") for line in program.stdout if line.endswith("\n")]
    rest = subprocess.run([*command, "5"], env=loop, capture_output=True, text=True, timeout=120)
    assert rest.returncode == 0, rest.stderr
    handled += [line.split("\t") for line in rest.stdout.splitlines()[1:]]
    for text in texts:
        kinds = {kind for _, _, kind, _, said in handled if said.endswith(text)}
        assert kinds == {"message.reply", "message.delivered"}, (text, handled)
    # An event comes again only where its handler was killed, and is then another attempt at the same one.
    attempts = [(number, attempt) for number, attempt, *_ in handled]
    assert len(set(attempts)) == len(attempts)
    assert len({number for number, _ in attempts}) == 2 * len(texts)


def test_conversation(compile_c: Callable[..., Path], loop: dict[str, str]) -> None:
    program = compile_c(EXAMPLES / "conversation.c")
    done = subprocess.run([program], env=loop, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) == 4
    assert [line.split()[0] for line in said] == ["C", "bot", "C", "bot"]


def test_epoll(compile_c: Callable[..., Path], loop: dict[str, str]) -> None:
    program = compile_c(EXAMPLES / "epoll.c")
    done = subprocess.run([program, "12"], env=loop, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("the bot says: ")]
    # The calls are under way at the same time, so they arrive in any order.
    assert sorted(said) == sorted(f"the bot says: message {number}" for number in range(1, 13))
    assert sum(line.startswith("sent, trace id ") for line in done.stdout.splitlines()) == 12
    silent = loop | {"FLOWAI_BASE_URL": "http://127.0.0.1:1/"}
    failed = subprocess.run([program, "3"], env=silent, capture_output=True, text=True, timeout=60)
    assert failed.returncode == 1
    assert "send_text: " in failed.stderr
    assert "(not_sent)" in failed.stderr


def test_ask(compile_c: Callable[..., Path], loop: dict[str, str]) -> None:
    program = compile_c(EXAMPLES / "ask.c")
    done = subprocess.run([program, "thread-1", TEXT], env=loop, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, TEXT)
    wrong = subprocess.run([program, "..", TEXT], env=loop, capture_output=True, text=True, timeout=60)
    assert (wrong.returncode, wrong.stdout.strip()) == (1, "")


def test_reply(compile_c: Callable[..., Path], loop: dict[str, str]) -> None:
    program = compile_c(EXAMPLES / "reply.c")
    done = subprocess.run([program, "thread-1", TEXT], env=loop, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    text, *shown = done.stdout.splitlines()
    assert TEXT in text
    assert "part: text" in shown
    wrong = subprocess.run([program, "..", TEXT], env=loop, capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 1
    assert "thread_id" in wrong.stderr


def test_send_says_what_became_of_the_message(compile_c: Callable[..., Path], server: dict[str, str]) -> None:
    send = compile_c(EXAMPLES / "send.c")
    for behaviour, code in [("ok", 0), ("status-400", 3), ("reset", 4)]:
        environment = os.environ | {
            "FLOWAI_API_KEY": "MY_MESSAGING_API_KEY",
            "FLOWAI_BASE_URL": f"{server['http']}/fault/{behaviour}/csend{code}/rest/v1/",
        }
        done = subprocess.run(
            [send, "thread-1", TEXT], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, done.stderr
        assert (done.stderr == "") == (code == 0)


def test_the_examples_of_the_header_compile(compile_c: Callable[..., Path], tmp_path: Path) -> None:
    text = (INCLUDE / "flowai.h").read_text()
    examples = re.findall(r"@code\{\.c\}\n(.*?)\* @endcode", text, re.DOTALL)
    programs = [textwrap.dedent(re.sub(r"^ \*", "", example, flags=re.MULTILINE)) for example in examples]
    assert len(programs) == 5
    programs[1:] = [
        f"#include <flowai.h>\n#include <stdio.h>\nint main(void)\n{{\n{body}\nreturn 0;\n}}\n"
        for body in programs[1:]
    ]
    for number, code in enumerate(programs):
        source = tmp_path / f"header_example_{number}.c"
        source.write_text(code)
        compile_c(source, "-Wno-unused-result")


def test_links_from_cpp_and_as_a_static_library(library: Path, tmp_path: Path) -> None:
    source = tmp_path / "linked.cpp"
    source.write_text(
        "#include <flowai.h>\n#include <cstring>\n"
        "int main() { flowai_config none{}; flowai_client client{};\n"
        "  flowai_status status = flowai_client_new(none, nullptr, &client);\n"
        "  return std::strcmp(flowai_version(), FLOWAI_VERSION) || status == FLOWAI_ERR_INTERNAL; }\n"
    )
    shared = ["-L", str(library.parent), "-lflowai", f"-Wl,-rpath,{library.parent}"]
    static = [str(library.with_suffix(".a")), "-lpthread", "-ldl", "-lm"]
    for how, libraries in [("shared", shared), ("static", static)]:
        program = tmp_path / how
        command = [
            *CXX,
            "-std=c++17",
            *WARNINGS,
            f"-I{INCLUDE}",
            "-o",
            str(program),
            str(source),
            *libraries,
        ]
        subprocess.run(command, check=True, timeout=300)
        subprocess.run([runnable(program)], check=True, timeout=60)
