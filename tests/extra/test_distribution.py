"""What `make wheels` publishes, as far as it can be told without building it. The licences: `make lint`."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import distribution  # noqa: E402
import licences  # noqa: E402
import wheels  # noqa: E402


def test_the_source_distribution_holds_what_it_should(tmp_path: Path) -> None:
    maturin = Path(sys.executable).parent / "maturin"
    subprocess.run(
        [maturin, "sdist", "--out", tmp_path], check=True, cwd=ROOT, capture_output=True, timeout=300
    )
    (archive,) = tmp_path.glob("*.tar.gz")
    assert distribution.problems_of_source(archive) == []
    with tarfile.open(archive) as opened:
        info = next(member for member in opened.getmembers() if member.name.endswith("/PKG-INFO"))
        stream = opened.extractfile(info)
        assert stream is not None
        assert distribution.problems_of_metadata(stream.read().decode()) == []


def test_what_is_installed_says_what_it_is() -> None:
    installed = importlib.metadata.distribution("flowai-rs")
    metadata = installed.read_text("METADATA")
    assert metadata is not None
    assert distribution.problems_of_metadata(metadata) == []
    names = {str(path) for path in installed.files or []}
    assert all(any(name.endswith(f"/licenses/{text}") for name in names) for text in distribution.LICENCES)


def test_problems_are_found(tmp_path: Path) -> None:
    archive = tmp_path / "x.tar.gz"
    (tmp_path / "secret.txt").write_text("a key")
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(tmp_path / "secret.txt", "flowai_rs-0.1.0/secret.txt")
    problems = distribution.problems_of_source(archive)
    assert "secret.txt is in the sources, and not in git" in problems
    assert "THIRD-PARTY-LICENSES is not in the sources" in problems
    assert any("3.14" in problem for problem in distribution.problems_of_metadata("Name: flowai-rs\n"))


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT/GPL-3.0-only", True),
        ("GPL-3.0-only AND MIT", False),
        ("MIT AND (GPL-3.0-only OR ISC)", True),
        ("(MIT AND GPL-3.0-only) OR LGPL-2.1-only", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("Apache-2.0 WITH some-exception", False),
    ],
)
def test_a_licence_is_allowed_or_not(expression: str, allowed: bool) -> None:
    assert licences.allowed(expression) == allowed


def test_every_target_of_a_wheel_can_be_built_for() -> None:
    assert set(wheels.KINDS) <= set(wheels.cross.TARGETS)
    assert all(
        re.fullmatch(r"(manylinux|musllinux)_\d+_\d+_\w+", policy) for policy in wheels.POLICIES.values()
    )
