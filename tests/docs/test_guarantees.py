"""Every promise of docs/reliability.md, receiving.md and frameworks.md has a test, and the test exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEST = re.compile(r"`(?P<file>[\w./-]+\.(?:rs|py))::(?P<name>\w+)`")
PAGES = ("reliability.md", "receiving.md", "frameworks.md")


def named_tests() -> list[tuple[str, str]]:
    return [
        (match["file"], match["name"])
        for page in PAGES
        for match in TEST.finditer((ROOT / "docs" / page).read_text())
    ]


@pytest.mark.parametrize(("file", "name"), sorted(set(named_tests())), ids=lambda value: value)
def test_the_test_exists(file: str, name: str) -> None:
    source = (ROOT / file).read_text()
    assert re.search(rf"^\s*(?:pub\(super\) )?(?:async )?(?:fn|def) {name}\b", source, re.MULTILINE), name


def test_every_promise_names_a_test() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    promised, _, _ = text.partition("## What is not promised")
    promises = re.findall(r"^- \*\*.+?(?=^- |^#|^$)", promised, re.MULTILINE | re.DOTALL)
    assert len(promises) > 30
    for promise in promises:
        assert TEST.search(promise), promise
