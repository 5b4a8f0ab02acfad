"""The documentation of the headers, and the binary interface of the C library."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "include" / "flowai.h"


def doxygen(tool: str, header: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    settings = (ROOT / "crates" / "flowai-c" / "Doxyfile").read_text()
    settings += f"\nINPUT = {header} {HEADER.with_suffix('.hpp')}\nOUTPUT_DIRECTORY = {folder}\n"
    return subprocess.run([tool, "-"], input=settings, capture_output=True, text=True, timeout=120)


@pytest.mark.tool("doxygen")
def test_everything_in_the_headers_is_documented(tool: str, tmp_path: Path) -> None:
    done = doxygen(tool, HEADER, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "flowai_client_send_text" in (tmp_path / "html" / "flowai_8h.html").read_text()
    # An argument without words would have been noticed.
    worse = tmp_path / "flowai.h"
    text = re.sub(r"^ \* @param thread_id .*\n", "", HEADER.read_text(), count=1, flags=re.MULTILINE)
    worse.write_text(text)
    done = doxygen(tool, worse, tmp_path)
    assert done.returncode != 0
    assert "thread_id" in done.stderr


def abi(header: Path) -> subprocess.CompletedProcess[str]:
    command = [ROOT / "scripts" / "abi", "check", header]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.tool("abidiff")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the interface is kept for x86_64")
@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("", "", ""),
        ("flowai_status flowai_client_close(", "flowai_status flowai_client_finish(", "removed"),
        ("uint32_t ms, flowai_error", "uint64_t ms, flowai_error", "would break"),
        ("  size_t len;\n} flowai_str;", "  uint32_t len;\n} flowai_str;", "would break"),
        ("void flowai_shutdown(void);", "void flowai_shutdown(void);\nvoid flowai_new(void);", "make abi"),
    ],
)
def test_programs_that_were_built_before_keep_working(
    tool: str, before: str, after: str, told: str, tmp_path: Path
) -> None:
    header = tmp_path / "flowai.h"
    text = HEADER.read_text()
    assert before in text
    header.write_text(text.replace(before, after) if before else text)
    done = abi(header)
    assert (done.returncode == 0) == (not told), done.stdout + done.stderr
    assert told in done.stdout.lower()
