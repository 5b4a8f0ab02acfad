"""flowai.hpp: what it promises, by programs in C++ with and without exceptions, and by its examples."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import compare
import generate_cpp
import pytest

from conftest import INCLUDE, ROOT, WARNINGS, declared
from test_examples import TEXT
from test_vectors import SKIPPED, Runner, documents_read, fetch, load

HERE = Path(__file__).parent / "cpp"
EXAMPLES = ROOT / "examples" / "cpp"
HEADER = INCLUDE / "flowai.hpp"

# What the header does without, and why.
NOT_WRAPPED = {
    "flowai_error_code": "every function has returned it",
    "flowai_error_name": "flowai_status_name() has it, also for errors of the header itself",
    "flowai_client_takeover": "deprecated by the service; flowai::client::handover() took its place",
}


def compile_cpp(library: Path, program: Path, *sources: Path | str) -> Path:
    command = ["c++", "-std=c++17", "-g", *WARNINGS, f"-I{INCLUDE}", "-o", str(program), *map(str, sources)]
    command += [f"-L{library.parent}", "-lflowai", f"-Wl,-rpath,{library.parent}", "-pthread"]
    subprocess.run(command, check=True, timeout=300)
    return program


def run(program: Path, server: dict[str, str], name: str, folder: Path) -> None:
    base_url = f"{server['http']}/fault/ok/ccpp{name}/rest/v1/"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FLOWAI_")}
    done = subprocess.run(
        [program, base_url, folder], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_with_exceptions(library: Path, server: dict[str, str], tmp_path: Path) -> None:
    # Ours are all the frees and reads: the sanitizers see what the header does.
    program = compile_cpp(
        library, tmp_path / "unit", HERE / "unit.cpp", "-fsanitize=address,undefined", "-fno-sanitize-recover"
    )
    run(program, server, "unit", tmp_path)


def test_with_results(library: Path, server: dict[str, str], tmp_path: Path) -> None:
    """A program without exceptions, linked with a file that has them."""
    other = tmp_path / "throwing.o"
    command = ["c++", "-std=c++17", *WARNINGS, f"-I{INCLUDE}", "-c", HERE / "throwing_part.cpp", "-o", other]
    subprocess.run(command, check=True, timeout=300)
    program = compile_cpp(library, tmp_path / "results", "-fno-exceptions", HERE / "results.cpp", other)
    run(program, server, "results", tmp_path)


@pytest.mark.parametrize("area", ["messages", "history", "threads", "broadcast", "media", "ask", "control"])
def test_vectors(area: str, library: Path, server: dict[str, str], tmp_path: Path) -> None:
    """The calls of the vectors, through the functions and accessors of C++."""
    known = generate_cpp.OPERATIONS
    vectors = [each for each in load(area) if each["id"] not in SKIPPED and each["call"]["op"] in known]
    assert len(vectors) > 4
    runner = Runner(vectors, server, "cpp", function=generate_cpp.function)
    source = tmp_path / f"{area}.cpp"
    source.write_text(generate_cpp.program(runner.functions))
    runner.program = compile_cpp(library, tmp_path / area, f"-I{HERE}", source)

    def check(vector: dict[str, Any], printed: list[Any], _: float) -> list[str]:
        verdict = fetch(f"{server['http']}/verdict/{vector['id']}/{Runner.run_name(vector, 'cpp')}")
        problems = [*compare.result_problems(vector, printed[-1]), *verdict["problems"]]
        came = [exchange.get("response", {}).get("json") for exchange in vector.get("exchanges", [vector])]
        changed = compare.changed(documents_read(vector, printed[-1].get("ok")), came)
        return problems + [f"changed: {document}" for document in changed]

    problems = runner.all_problems(check)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("compiler", "version", "options"),
    [
        ("g++", "c++17", []),
        ("clang++", "c++20", []),
        ("g++", "c++20", ["-DFLOWAI_RESULTS"]),
        ("clang++", "c++17", ["-fno-exceptions", "-fno-rtti"]),
        ("g++", "c++17", ["-DFLOWAI_WITHOUT_DELIVERY", "-DFLOWAI_WITHOUT_UPLOAD"]),
    ],
)
def test_compiles_included_twice(
    compiler: str, version: str, options: list[str], tool: Callable[[str], str], tmp_path: Path
) -> None:
    arrow = "->" if set(options) & {"-DFLOWAI_RESULTS", "-fno-exceptions"} else "."
    source = tmp_path / "twice.cpp"
    source.write_text(
        "#include <flowai.hpp>\n#include <flowai.hpp>\nvoid used();\n"
        f'void used() {{ (void)flowai::client::make(){arrow}send_text("t", std::string_view("x")); }}\n'
    )
    command = [tool(compiler), f"-std={version}", *WARNINGS, "-Wshadow", *options, f"-I{INCLUDE}"]
    subprocess.run([*command, "-fsyntax-only", str(source)], check=True, timeout=120)


def test_every_function_is_wrapped_or_left_out_for_a_reason() -> None:
    command = ["c++", "-std=c++17", "-E", f"-I{INCLUDE}", "-x", "c++", str(HEADER)]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    ours = ""
    inside = False
    for line in text.splitlines():
        if line.startswith("# "):
            inside = "flowai.hpp" in line
        elif inside:
            ours += line + "\n"
    used = set(re.findall(r"\bflowai_\w+", ours))
    functions = declared()
    assert set(NOT_WRAPPED) <= functions
    assert not used & set(NOT_WRAPPED)
    missing = functions - used - set(NOT_WRAPPED)
    assert not missing, f"not in flowai.hpp: {sorted(missing)}"


def test_every_error_has_a_class() -> None:
    codes = set(re.findall(r"#define (FLOWAI_ERR_\w+)", (INCLUDE / "flowai.h").read_text()))
    thrown = set(re.findall(r"case (FLOWAI_ERR_\w+): throw", HEADER.read_text()))
    assert codes - thrown == {"FLOWAI_ERR_INTERNAL"}, "internal_error is also for codes that are unknown"


def test_send(library: Path, loop: dict[str, str], server: dict[str, str], tmp_path: Path) -> None:
    program = compile_cpp(library, tmp_path / "send", EXAMPLES / "send.cpp")
    done = subprocess.run([program, "thread-1", TEXT], env=loop, capture_output=True, text=True, timeout=60)
    assert re.fullmatch(r"sent to thread-1, trace id \d+\n", done.stdout), done.stderr
    history = compile_cpp(library, tmp_path / "history", EXAMPLES / "history.cpp", "-fno-exceptions")
    listed = subprocess.run([history, "thread-1"], env=loop, capture_output=True, text=True, timeout=60)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert TEXT in listed.stdout.splitlines()
    wrong = subprocess.run([history, ".."], env=loop, capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 1
    assert "thread_id" in wrong.stderr
    for behaviour, code in [("status-400", 3), ("reset", 4)]:
        environment = os.environ | {
            "FLOWAI_API_KEY": "MY_MESSAGING_API_KEY",
            "FLOWAI_BASE_URL": f"{server['http']}/fault/{behaviour}/ccppsend{code}/rest/v1/",
        }
        done = subprocess.run(
            [program, "t", TEXT], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, done.stderr


def test_conversation(library: Path, loop: dict[str, str], tmp_path: Path) -> None:
    program = compile_cpp(library, tmp_path / "conversation", EXAMPLES / "conversation.cpp")
    done = subprocess.run([program], env=loop, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert said == ["C++", "bot", "C++", "bot"]


def test_the_example_of_the_header(library: Path, tmp_path: Path) -> None:
    found = re.search(r"@code\{\.cpp\}\n(.*?)\* @endcode", HEADER.read_text(), re.DOTALL)
    assert found
    source = tmp_path / "example.cpp"
    source.write_text(re.sub(r"^ \*( {5})?", "", found[1], flags=re.MULTILINE))
    compile_cpp(library, tmp_path / "example", source)
