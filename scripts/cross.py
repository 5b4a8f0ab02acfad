"""Builds for other machines: `python3 scripts/cross.py TARGET cargo build ...`.

It runs a command with all that it needs. With `--small` before the target the standard library is built for
size too, and can print no backtraces.

A target is named as Rust names it; `python3 scripts/cross.py --list` says which there are. What is
missing is fetched into build/cross (or FLOWAI_CROSS_DIR), where it changes nothing for other builds:

- The compiler: your own, when it has the target's standard library (`rustup target add TARGET`).
  Otherwise Debian's `rustc-web`, which follows upstream closely, with the standard library built from
  `rust-web-src` (-Zbuild-std).
- The compilers of C and C++ and the linker: Debian's `g++-aarch64-linux-gnu` or
  `g++-arm-linux-gnueabihf`; for musl zig, which the package index has as `ziglang`. With zig,
  `cargo zigbuild` is to be called instead of `cargo build`.
- An emulator for what was built: Debian's `qemu-user`, which finds the C library in the folder of the
  cross compiler.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parent.parent
CROSS = Path(os.environ.get("FLOWAI_CROSS_DIR", ROOT / "build" / "cross")).resolve()


@dataclass(frozen=True)
class Target:
    """A kind of machine to build for."""

    name: str
    machine: str
    """What the emulator calls it."""
    debian: str
    """What Debian calls it."""
    gcc: str | None
    """The prefix of Debian's cross compiler, which is the name of its folder too; none if zig is used."""

    @property
    def variable(self) -> str:
        """The name as part of environment variables."""
        return self.name.upper().replace("-", "_")

    @property
    def is_host(self) -> bool:
        """Whether this machine is of that kind."""
        return self.name == host()

    @property
    def emulator(self) -> list[str]:
        """What runs programs of this target on this machine."""
        if self.machine == os.uname().machine:
            return []
        root = f"/usr/{self.gcc}"
        if not self.gcc:
            root = str(CROSS / f"musl-{self.debian}")
            debian.unpack(Path(root), self.debian, "musl", suite="bookworm")
        return [need(f"qemu-{self.machine}", "qemu-user"), "-L", root]

    @property
    def compiler(self) -> list[str]:
        """The C compiler."""
        if self.is_host:
            return ["cc"]
        if self.gcc:
            return [need(f"{self.gcc}-gcc", f"gcc-{self.gcc}")]
        zig = self.name.replace("-unknown", "")
        # What zig checks by itself in programs that are not optimised needs a newer musl than theirs.
        return [
            *(str(tools() / "python"), "-m", "ziglang", "cc", "-target", zig),
            *("-dynamic", "-fno-sanitize=undefined"),
        ]

    @property
    def cpp_compiler(self) -> list[str]:
        """The compiler of C++."""
        if self.is_host:
            return ["c++"]
        if self.gcc:
            return [need(f"{self.gcc}-g++", f"g++-{self.gcc}")]
        return ["c++" if part == "cc" else part for part in self.compiler]


TARGETS = {
    target.name: target
    for target in (
        Target("x86_64-unknown-linux-gnu", "x86_64", "amd64", "x86_64-linux-gnu"),
        Target("x86_64-unknown-linux-musl", "x86_64", "amd64", None),
        Target("aarch64-unknown-linux-gnu", "aarch64", "arm64", "aarch64-linux-gnu"),
        Target("aarch64-unknown-linux-musl", "aarch64", "arm64", None),
        Target("armv7-unknown-linux-gnueabihf", "arm", "armhf", "arm-linux-gnueabihf"),
    )
}


def need(program: str, package: str) -> str:
    """Find a program, or say what brings it."""
    found = shutil.which(program)
    if found is None:
        raise SystemExit(f"missing: {program} (Debian: apt install {package})")
    return found


def output(*command: str | Path) -> str:
    """Run a command and give what it prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()


@functools.cache
def host() -> str:
    """Tell the target that this machine is."""
    return next(line.split()[1] for line in output("rustc", "-vV").splitlines() if line.startswith("host:"))


@functools.cache
def tools() -> Path:
    """Give the folder of zig's programs, installed when they are missing."""
    folder = CROSS / "tools"
    wanted = (ROOT / "scripts" / "requirements-cross.txt").read_text()
    done = folder / "installed"
    if not done.exists() or done.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r"]
        subprocess.run([*install, str(ROOT / "scripts" / "requirements-cross.txt")], check=True)
        done.write_text(wanted)
    return folder / "bin"


@functools.cache
def debian_rustc() -> Path:
    """Give Debian's compiler, which comes with the sources of its standard library."""
    folder = CROSS / "rust"
    debian.unpack(folder, debian.host_architecture(), "rustc-web", "rust-web-src")
    real = folder / "usr" / "bin" / "rustc"
    libraries = next(folder.glob("usr/lib/*/librustc_driver-*.so")).parent
    wrapper = folder / "rustc"
    wrapper.write_text(
        f'#!/bin/sh\nLD_LIBRARY_PATH="{libraries}" exec "{real}" --sysroot "{folder / "usr"}" "$@"\n'
    )
    wrapper.chmod(0o755)
    return wrapper


def has_standard_library(target: Target) -> bool:
    """Tell whether the compiler in use can build for the target as it is."""
    return (Path(output("rustc", "--print", "sysroot")) / "lib" / "rustlib" / target.name / "lib").is_dir()


def environment(target: Target, *, small: bool = False, zig: bool = False) -> dict[str, str]:
    """Give the environment in which cargo builds for a target, whose own name it is told as usual.

    `small`: the standard library is built here, for size, and without backtraces. `zig`: whoever builds
    knows how to compile and link with zig.
    """
    changed = {"CARGO_BUILD_TARGET": target.name}
    flags = []
    if small or not has_standard_library(target):
        changed["RUSTC"] = str(debian_rustc())
        # What lets a stable compiler build its own standard library.
        changed["RUSTC_BOOTSTRAP"] = "1"
        changed["CARGO_UNSTABLE_BUILD_STD"] = "std,panic_unwind"
        if small:
            changed["CARGO_UNSTABLE_BUILD_STD_FEATURES"] = "panic-unwind,optimize_for_size"
            # A panic is an error code to the host; what is printed of it does not say where it was.
            flags.append("-Zlocation-detail=none")
    if zig or not (target.is_host or target.gcc):
        changed["PATH"] = f"{tools()}{os.pathsep}{os.environ['PATH']}"
    if target.name.endswith("-musl"):
        # A shared library cannot hold the C library, as programs for musl do.
        flags.append("-Ctarget-feature=-crt-static")
    if flags:
        changed[f"CARGO_TARGET_{target.variable}_RUSTFLAGS"] = " ".join(flags)
    if zig or target.is_host:
        return os.environ | changed
    lower = target.name.replace("-", "_")
    if target.gcc:
        compiler = target.compiler[0]
        changed[f"CC_{lower}"] = compiler
        changed[f"AR_{lower}"] = need(f"{target.gcc}-ar", f"gcc-{target.gcc}")
        changed[f"CARGO_TARGET_{target.variable}_LINKER"] = compiler
    if target.emulator:
        changed[f"CARGO_TARGET_{target.variable}_RUNNER"] = shlex.join(target.emulator)
    # For tests/c.
    changed["FLOWAI_CC"] = shlex.join(target.compiler)
    changed["FLOWAI_CXX"] = shlex.join(target.cpp_compiler)
    changed["FLOWAI_EMULATOR"] = shlex.join(target.emulator)
    return os.environ | changed


def main() -> int:
    """Run a command for a target."""
    if sys.argv[1:] == ["--list"]:
        print("\n".join(TARGETS))
        return 0
    arguments = [argument for argument in sys.argv[1:3] if argument != "--small"] + sys.argv[3:]
    if len(arguments) < 2 or arguments[0] not in TARGETS:
        print(f"usage: cross.py [--small] TARGET COMMAND...\ntargets: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    small = len(arguments) < len(sys.argv[1:])
    return subprocess.run(arguments[1:], env=environment(TARGETS[arguments[0]], small=small)).returncode


if __name__ == "__main__":
    sys.exit(main())
