"""The header is accepted by every compiler and version of the languages, and says what the library has."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import INCLUDE, ROOT, WARNINGS, declared

HEADER = INCLUDE / "flowai.h"
TWICE = """
#include <flowai.h>
#include <flowai.h>
flowai_status used(void) { return flowai_event_kind(%s, 0); }
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("version", ["c99", "c11", "c17", "c++11", "c++17", "c++20"])
def test_compiles_included_twice(
    version: str, compiler: str, tool: Callable[[str], str], tmp_path: Path
) -> None:
    is_cpp = version.startswith("c++")
    source = tmp_path / ("twice.cpp" if is_cpp else "twice.c")
    source.write_text(TWICE % ("flowai_event{}" if is_cpp else "(flowai_event){0}"))
    command = [
        tool(compiler.replace("gcc", "g++").replace("clang", "clang++") if is_cpp else compiler),
        f"-std={version}",
        *WARNINGS,
        f"-I{INCLUDE}",
        "-c",
        str(source),
        "-o",
        str(tmp_path / "o"),
    ]
    subprocess.run(command, check=True, timeout=120)


DELIVERY = (
    "flowai_receiver",
    "flowai_inbox",
    "flowai_outbox",
    "flowai_outcome",
    "flowai_queue_watch",
    "flowai_keep_file",
)
TAKEN = ("event", "inbox_delivery", "outbox_report")
# What belongs to either under other names.
EXTRAS = {"flowai_go_on", "flowai_read", *(f"flowai_completion_{name}" for name in TAKEN)}


@pytest.mark.parametrize(
    ("feature", "parts"), [("DELIVERY", DELIVERY), ("UPLOAD", ("flowai_client_upload_media",))]
)
def test_a_small_library_has_a_small_header(feature: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    source = tmp_path / "small.c"
    source.write_text("#include <flowai.h>\n")
    small, whole = (
        subprocess.run(
            ["cc", *WARNINGS, *options, f"-I{INCLUDE}", "-E", str(source)],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
        for options in ([f"-DFLOWAI_WITHOUT_{feature}"], [])
    )
    left_out = set(re.findall(r"\bflowai_\w+", whole)) - set(re.findall(r"\bflowai_\w+", small))
    assert left_out
    assert all(name.startswith(parts) or name in EXTRAS for name in left_out), left_out
    assert not any(name.startswith(parts) for name in re.findall(r"\bflowai_\w+", small))
    assert "flowai_client_new" in small


def test_exports_what_it_declares_and_nothing_else(library: Path) -> None:
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True
    )
    exported = {
        line.split()[2].split("@")[0] for line in listing.stdout.splitlines() if line.split()[1] != "A"
    }
    assert len(exported) > 100
    assert exported == declared()


def test_has_its_name_and_stays_loaded(library: Path) -> None:
    dynamic = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True).stdout
    assert "[libflowai.so.0]" in dynamic
    assert "NODELETE" in dynamic


def test_every_item_is_documented() -> None:
    text = HEADER.read_text()
    undocumented = [
        match[0]
        for match in re.finditer(
            r"^(?:FLOWAI_NODISCARD\n)?(?:FLOWAI_DEPRECATED\n)?\w[^\n#*]*\b(flowai_\w+)\(", text, re.MULTILINE
        )
        if not text[: match.start()].rstrip().endswith("*/")
    ]
    undocumented += [
        match[0]
        for match in re.finditer(r"^(#define FLOWAI_(?!H$)\w+|typedef)\b", text, re.MULTILINE)
        if not text[: match.start()].rstrip().endswith("*/")
        and not match[0].endswith(("NODISCARD", "DEPRECATED"))
    ]
    assert not undocumented


FUNCTIONS = re.compile(
    r"/\*\*((?:(?!\*/).)*)\*/\n(?:FLOWAI_NODISCARD\n|FLOWAI_DEPRECATED\n)*"
    r"([\w ]+\*?)\b(flowai_\w+)\(([^;]*)\);",
    re.DOTALL,
)


def test_every_parameter_and_result_is_documented() -> None:
    functions = FUNCTIONS.findall(HEADER.read_text())
    assert {name for _, _, name, _ in functions} == declared()
    for comment, result, name, parameters in functions:
        given = [parameter.split("(")[0].split()[-1].lstrip("*") for parameter in parameters.split(",")]
        if parameters != "void":
            assert re.findall(r"@param (\w+)", comment) == given, name
        if result.strip() != "void":
            assert "@return" in comment, name


# What the bodies of exported functions are made of when they may wait.
WAITS = r"\b(blocking|waiting|wait_for|acknowledged|settle|send|ask|upload|broadcast|watch)\(|pending\.poll\("
EXPORTED = re.compile(
    r"((?:^///[^\n]*\n)+)(?:#\[[^\n]*\n)*pub extern \"C\" fn (flowai_\w+)\([^{]*\{\n(.*?)^\}",
    re.MULTILINE | re.DOTALL,
)


def test_every_function_that_may_wait_says_so() -> None:
    sources = (ROOT / "crates/flowai-c/src").rglob("*.rs")
    exported = [found for path in sources for found in EXPORTED.findall(path.read_text())]
    assert {name for _, name, _ in exported} == declared()
    waiting = [(comment, name) for comment, name, body in exported if re.search(WAITS, body)]
    assert len(waiting) > 60
    assert not [name for comment, name in waiting if "@par Blocking" not in comment]
