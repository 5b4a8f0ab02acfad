"""`make test-interpreters`: the tests of the Python package on every version of Python at hand.

    python3 scripts/interpreters.py [--short] [--wheel PATH] [INTERPRETER...]

Without interpreters: every python3.10, python3.11 and so on that is on the PATH or that pyenv has,
except the version that runs this. One abi3 module is built and installed for all of them,
each in an environment of its own in build/interpreters. --short runs the tests in which
versions differ most; it installs little.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "interpreters"
TESTS = "tests/python"
# What makes no difference to these tests, and is in the way of some versions: checkers, builders, notebooks.
TOOLS = ("ipykernel", "maturin", "mypy", "nbclient", "pyright", "ruff")
NOT_HERE = (
    "--ignore={}/test_notebook.py",
    "--ignore={}/test_examples.py",
    "--deselect={}/test_surface.py::test_types",
    "--deselect={}/test_surface.py::test_stubs_are_up_to_date",
    "--deselect={}/test_surface.py::test_style",
)
# Objects that live in the interpreter, and asyncio.
SHORT = ("test_async_cancel.py", "test_values.py", "test_models.py")
SHORT_NEEDS = ("pytest", "pytest-asyncio", "uvloop")
MINORS = range(10, 16)


def version_of(interpreter: str) -> str | None:
    """Such as "3.12.1"; None if it does not run, as a shim of pyenv does not, or is another kind."""
    ask = "import platform as p; print(p.python_implementation(), p.python_version())"
    try:
        told = subprocess.run([interpreter, "-c", ask], capture_output=True, text=True, timeout=60)
    except OSError:
        return None
    found = re.fullmatch(r"CPython (3\.(\d+)\.\w+)\n", told.stdout)
    return found[1] if found and int(found[2]) >= MINORS.start else None


def at_hand() -> dict[str, str]:
    """Interpreters by version, one for each minor version."""
    places = [shutil.which(f"python3.{minor}") for minor in MINORS]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in MINORS:
        places += map(str, sorted(pyenv.glob(f"3.{minor}.*/bin/python3"), reverse=True))
    found: dict[str, str] = {}
    seen = {sys.version_info[:2]}
    for place in filter(None, places):
        version = version_of(place)
        if version is None:
            continue
        minor = tuple(map(int, version.split(".")[:2]))
        if minor not in seen:
            seen.add(minor)
            found[version] = place
    return found


def requirements(short: bool) -> list[str]:
    """Give what the tests need, as tests/requirements.txt has it."""
    lines = (ROOT / "tests" / "requirements.txt").read_text().splitlines()
    name_of = {line: re.split(r"[=\[;]", line)[0] for line in lines if line}
    if short:
        return [line for line, name in name_of.items() if name in SHORT_NEEDS]
    return [line for line, name in name_of.items() if name not in TOOLS]


def build() -> Path:
    """Build the module as users install it."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(FOLDER), "."],
        check=True,
        cwd=ROOT,
    )
    return max(FOLDER.glob("*.whl"), key=lambda path: path.stat().st_mtime)


def run(version: str, interpreter: str, wheel: Path, short: bool) -> bool:
    """Run the tests with one interpreter, and say whether they pass."""
    print(f"== Python {version} ({interpreter})", flush=True)
    folder = FOLDER / version
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([interpreter, "-m", "venv", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, *requirements(short)], check=True)
    subprocess.run([*install, "--no-deps", "--no-index", "--force-reinstall", str(wheel)], check=True)
    if short:
        tests = [f"{TESTS}/{name}" for name in SHORT]
    else:
        tests = [TESTS, *(option.format(TESTS) for option in NOT_HERE)]
    pytest = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(pytest, cwd=ROOT).returncode == 0


def main() -> int:
    """Run the command."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    words.add_argument("--short", action="store_true")
    words.add_argument("--wheel", type=Path)
    words.add_argument("interpreters", nargs="*")
    given = words.parse_args()
    if given.interpreters:
        versions = {version_of(each): each for each in given.interpreters}
        if None in versions:
            print(f"no CPython 3.{MINORS.start} or later: {versions[None]}", file=sys.stderr)
            return 2
    else:
        versions = {**at_hand()}
    if not versions:
        print("no other version of Python is at hand; name some with INTERPRETERS=")
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    wheel = given.wheel or build()
    failed = [version for version, place in versions.items() if not run(version, place, wheel, given.short)]
    if failed:
        print(f"failed: Python {', '.join(failed)}", file=sys.stderr)
        return 1
    print(f"passed: Python {', '.join(versions)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
