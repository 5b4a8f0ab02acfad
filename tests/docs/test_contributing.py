"""CONTRIBUTING.md shows real code: each `rust` or `json` block names its file, and stands in it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"^`(?P<file>[\w./-]+)`[^\n]*\n\n```(?:rust|json)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_code_it_shows_is_the_code_there_is() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    blocks = list(BLOCK.finditer(page))
    assert len(blocks) >= 5
    assert len(blocks) == page.count("```rust\n") + page.count("```json\n")
    for block in blocks:
        source = squeezed((ROOT / block["file"]).read_text())
        for part in block["code"].split("\n\n"):
            assert squeezed(part) in source, f"{block['file']} has no longer:\n{part}"
