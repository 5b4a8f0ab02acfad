"""The licences of all that is built into the wheels: `make licences` writes THIRD-PARTY-LICENSES anew.

Without --write it is compared with what is in the repository. A crate whose licence is not among those
below, or which comes without its text, is an error: somebody has to look at it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "THIRD-PARTY-LICENSES"
CRATE = "flowai-python"
TARGETS = ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu")

# What may be given to others together with flowai, on the condition that the text goes along.
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}

TEXTS = re.compile(r"(?i)^(licen[cs]e|copying|copyright|notice|unlicense)([-_.].*)?$")

# What comes along without being a crate.
BESIDES = """\
SQLite (https://sqlite.org) is built in by libsqlite3-sys. Its authors have dedicated it to the public domain.
The standard library of Rust (https://www.rust-lang.org) is built in: MIT OR Apache-2.0, copyright The Rust
Project Developers. Wheels that are linked by zig contain libunwind of LLVM (https://llvm.org): Apache-2.0
WITH LLVM-exception.
"""


def metadata(target: str) -> Any:
    """Give what cargo knows of all crates that are built for a target."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    return json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)


def built_in(meta: Any) -> dict[str, Any]:
    """Find the crates of others that end up in the native module: not those that run while it is built."""
    packages = {package["id"]: package for package in meta["packages"]}
    nodes = {node["id"]: node for node in meta["resolve"]["nodes"]}
    waiting = [key for key, package in packages.items() if package["name"] == CRATE]
    found: dict[str, Any] = {}
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        found[key] = packages[key]
        for dependency in nodes[key]["deps"]:
            target = packages[dependency["pkg"]]
            is_macro = any("proc-macro" in one["kind"] for one in target["targets"])
            if not is_macro and any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return {key: package for key, package in found.items() if package["source"]}


def allowed(expression: str) -> bool:
    """Tell whether one of the choices that a licence leaves is among those that may be used."""
    tokens = re.findall(r"\(|\)|\w[\w.+-]*(?: WITH [\w.+-]+)?", expression.replace("/", " OR "))

    def choices() -> bool:
        result = all_of()
        while tokens[:1] == ["OR"]:
            tokens.pop(0)
            result = all_of() or result
        return result

    def all_of() -> bool:
        result = one()
        while tokens[:1] == ["AND"]:
            tokens.pop(0)
            result = one() and result
        return result

    def one() -> bool:
        token = tokens.pop(0)
        if token != "(":
            return token in ALLOWED
        result = choices()
        tokens.pop(0)
        return result

    return choices()


def texts(package: Any) -> list[str]:
    """Read the files with the licence of a crate; where there is a choice, those of MIT."""
    folder = Path(package["manifest_path"]).parent
    files = [path for path in folder.iterdir() if path.is_file() and TEXTS.match(path.name)]
    choices = re.split(r" OR |/", package["license"] or "")
    if "MIT" in choices and len(choices) > 1:
        files = [path for path in files if "MIT" in path.name.upper()] or files
    if package["license_file"]:
        files.append(folder / package["license_file"])
    # Subfolders hold what came from elsewhere, as in ring.
    files += [path for path in folder.glob("third_party/**/*") if path.is_file() and TEXTS.match(path.name)]
    read = {path.read_text(encoding="utf-8", errors="replace").strip() for path in files}
    return sorted("\n".join(line.rstrip() for line in text.splitlines()) for text in read)


def document() -> tuple[str, list[str]]:
    """Make the file, and a list of what somebody has to look at."""
    crates: dict[str, Any] = {}
    for target in TARGETS:
        crates.update(built_in(metadata(target)))
    problems = []
    users: dict[str, list[str]] = {}
    lines = []
    for package in sorted(crates.values(), key=lambda package: (package["name"], package["version"])):
        name = f"{package['name']} {package['version']}"
        licence = package["license"] or "(a file of its own)"
        lines.append(f"{name}: {licence.replace('/', ' OR ')}, {package['repository'] or 'crates.io'}")
        if package["license"] and not allowed(package["license"]):
            problems.append(f"{name}: {package['license']} is not among the licences that may be used")
        found = texts(package)
        if not found:
            lines[-1] += " (without a text of its own: the one of that name below)"
        if not found and not package["license"]:
            problems.append(f"{name} has no licence")
        for text in found:
            users.setdefault(text, []).append(name)
    parts = [
        "flowai is licensed under either of MIT and Apache 2.0, at your option: LICENSE-MIT and\n"
        "LICENSE-APACHE. Its native module contains what follows, by others, under the licences named here.",
        "\n".join(lines),
        BESIDES.strip(),
    ]
    for text, names in sorted(users.items(), key=lambda item: item[1]):
        parts.append(f"{'=' * 80}\n{', '.join(names)}\n{'=' * 80}\n\n{text}")
    return "\n\n".join(parts) + "\n", problems


def main() -> int:
    """Write or compare."""
    made, problems = document()
    if "--write" in sys.argv[1:]:
        FILE.write_text(made, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != made:
        problems.append(f"{FILE.name} is not that of the crates in Cargo.lock: make licences")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
