"""Links of the documentation lead somewhere: to a file of the repository, and to a heading that it has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What PyPI shows: there only whole addresses lead anywhere.
ON_PYPI = ROOT / "python" / "README.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ON_PYPI, *sorted((ROOT / "docs").glob("*.md"))]
OURS = "https://github.com/flowai-rs/flowai/blob/main/"
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    return LINK.findall(FENCE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if page == ON_PYPI:
            assert link.startswith("https://"), link
        if link.startswith(OURS):
            path, folder = link.removeprefix(OURS), ROOT
        elif "://" in link:
            continue
        else:
            path, folder = link, page.parent
        path, _, anchor = path.partition("#")
        target = (folder / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_guide() -> None:
    listed = {link.partition("#")[0] for link in links(ROOT / "docs" / "README.md")}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"} <= listed
