"""Every snippet of the documentation runs, and prints what the documentation shows.

A fence named `python`, `sh` or `c` is a program of its own, with the key and address of a sandbox at hand.
A `text` fence right after it is what it prints. `rust` is run by `cargo test --doc`, see
crates/flowai-sandbox/src/readme.rs. A program that cannot run here has a comment before it that says why:
`<!-- not run: ... -->`. One after `<!-- file: app.py -->` is a file that the other snippets of its page find.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import flowai

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "python" / "README.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))
KEY = "MY_MESSAGING_API_KEY"
SECRET = "a webhook secret of at least 32 bytes"
FENCE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n+)?(?:<!-- file: (?P<file>[\w.]+) -->\n+)?"
    r"^```(?P<language>[a-z]+)\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
SHOWN_ONLY = {"text", "json", "toml", "diff", "http", "rust"}


class Snippet(NamedTuple):
    name: str
    page: str
    language: str
    code: str
    output: str | None
    reason: str | None
    file: str | None


def snippets() -> Iterator[Snippet]:
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start("code"))
            name = f"{page.relative_to(ROOT)}:{line}"
            yield Snippet(
                name,
                str(page.relative_to(ROOT)),
                *match.group("language", "code", "output", "reason", "file"),
            )


ALL = list(snippets())
RUN = [
    snippet
    for snippet in ALL
    if snippet.language not in SHOWN_ONLY and snippet.reason is None and snippet.file is None
]


def folder(variable: str) -> Path:
    return Path(os.environ.get(variable, ROOT / "target" / "debug")).resolve()


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with flowai.Sandbox(api_key=KEY) as sandbox:
        yield os.environ | {
            "FLOWAI_API_KEY": KEY,
            "FLOWAI_BASE_URL": sandbox.base_url,
            "FLOWAI_WEBHOOK_SECRET": SECRET,
            "PATH": f"{folder('FLOWAI_BIN_DIR')}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        }


def program(snippet: Snippet, tmp_path: Path) -> list[str]:
    if snippet.language == "python":
        return [sys.executable, "-c", snippet.code]
    if snippet.language == "sh":
        return ["bash", "-eu", "-c", snippet.code]
    compilers = {"c": ["cc", "-std=c99"], "cpp": ["c++", "-std=c++17"]}
    assert snippet.language in compilers, f"nobody runs {snippet.language}"
    source, binary = tmp_path / f"snippet.{snippet.language}", tmp_path / "snippet"
    libraries = folder("FLOWAI_LIB_DIR")
    source.write_text(snippet.code)
    command = [*compilers[snippet.language], "-Wall", "-Wextra", "-Werror", "-o", str(binary), str(source)]
    command += [f"-I{ROOT / 'include'}", f"-L{libraries}", "-lflowai", f"-Wl,-rpath,{libraries}"]
    subprocess.run(command, check=True)
    return [str(binary)]


@pytest.mark.parametrize("snippet", RUN, ids=lambda snippet: snippet.name)
def test_snippet(snippet: Snippet, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for other in ALL:
        if other.page == snippet.page and other.file is not None:
            (tmp_path / other.file).write_text(other.code)
    done = subprocess.run(
        program(snippet, tmp_path), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{snippet.code}\n{done.stdout}{done.stderr}"
    if snippet.output is not None:
        assert done.stdout.strip() == snippet.output.strip()


def test_pages_have_snippets() -> None:
    languages = {snippet.language for snippet in RUN}
    assert {"python", "sh", "c", "cpp"} <= languages
    assert any(snippet.language == "rust" for snippet in ALL)


def test_make_targets_exist() -> None:
    lines = re.findall(r"^([a-z -]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = {target for line in lines for target in line.split()}
    named = {target for page in PAGES for target in re.findall(r"\bmake ([a-z-]+)\b", page.read_text())}
    assert {"demo", "test"} <= named <= targets | {"sure"}
