"""What a wheel and a source distribution must hold and say: `make wheels` and `make check` ask."""

from __future__ import annotations

import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_WHEEL = 6_000_000
VERSIONS = range(10, 15)
LICENCES = ("LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-LICENSES")
# What the native module is made of, with what cargo wants to see beside it.
CRATES = ("flowai", "flowai-cli", "flowai-delivery", "flowai-python", "flowai-sandbox", "flowai-testkit")
TOP = {".cargo/config.toml", "Cargo.lock", "Cargo.toml", "pyproject.toml", "python/README.md", *LICENCES}
MADE = {"PKG-INFO", "crates/flowai/README.md"}


def known() -> set[str]:
    """Give the files that are in git."""
    listing = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True, cwd=ROOT)
    return set(listing.stdout.splitlines())


def problems_of_source(archive: Path) -> list[str]:
    """Find what a source distribution holds and should not, and what it should hold and does not."""
    with tarfile.open(archive) as opened:
        names = {member.name.split("/", 1)[1] for member in opened.getmembers() if member.isfile()}
    tracked = known()
    parts = ("python/flowai/", *(f"crates/{crate}/" for crate in CRATES))
    wanted = {name for name in tracked if name.startswith(("python/", "crates/flowai-python/src/"))} | TOP
    return [
        *(f"{name} is in the sources, and not in git" for name in sorted(names - tracked - MADE)),
        *(
            f"{name} is in the sources: what for?"
            for name in sorted(names - MADE - TOP)
            if not name.startswith(parts)
        ),
        *(f"{name} is not in the sources" for name in sorted(wanted - names)),
    ]


def problems_of_metadata(metadata: str) -> list[str]:
    """Find what the metadata of a wheel does not say."""
    head = metadata.partition("\n\n")[0].splitlines()
    wanted = (
        "Name: flowai-rs",
        "License-Expression: MIT OR Apache-2.0",
        "Requires-Python: >=3.10",
        "Classifier: Typing :: Typed",
        "Classifier: Programming Language :: Python :: Implementation :: CPython",
        *(f"Classifier: Programming Language :: Python :: 3.{minor}" for minor in VERSIONS),
        *(f"License-File: {name}" for name in LICENCES),
    )
    problems = [f"the metadata does not say {line}" for line in wanted if line not in head]
    problems += [f"the package needs another: {line}" for line in head if line.startswith("Requires-Dist")]
    if "# flowai" not in metadata:
        problems.append("the metadata has no description")
    return problems


def problems_of_wheel(wheel: Path) -> list[str]:
    """Find what is wrong with the files of a wheel, its size and its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
        folder = next(name.split("/")[0] for name in files if ".dist-info/" in name)
        metadata = archive.read(f"{folder}/METADATA").decode()
        entry_points = archive.read(f"{folder}/entry_points.txt").decode().replace(" ", "")
    ours = {name.removeprefix("python/") for name in known() if name.startswith("python/flowai/")}
    native = {name for name in files if re.fullmatch(r"flowai/_flowai\.(abi3|cpython-[\w-]+)\.so", name)}
    components = {name for name in files if name.startswith(f"{folder}/sboms/")}
    usual = {f"{folder}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")}
    texts = {f"{folder}/licenses/{name}" for name in LICENCES}
    expected = ours | native | components | usual | texts
    problems = [f"{name} should be there, or should not" for name in sorted(files ^ expected)]
    if len(native) != 1:
        problems.append(f"one native module, not {sorted(native)}")
    if not components:
        problems.append("no list of components (SBOM)")
    if "flowai=flowai._cli:main" not in entry_points:
        problems.append("it does not bring the command")
    if wheel.stat().st_size > MAX_WHEEL:
        problems.append(f"{wheel.stat().st_size / 1e6:.2f} MB, more than {MAX_WHEEL / 1e6:.0f}")
    return [f"{wheel.name}: {problem}" for problem in problems + problems_of_metadata(metadata)]
