"""What has to be there before anything is measured."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from harness.place import BENCH, C_PROGRAMS, PROGRAMS, PYTHON, ROOT, TARGET

WHEEL = TARGET / "bench" / "wheel"


def everything() -> None:
    """Build the programs, the library and the package in release mode, and install the package."""
    cargo("build", "--release", "-p", "flowai-bench", "-p", "flowai-c")
    install = ["install", "--quiet", "--force-reinstall", "--no-deps"]
    subprocess.run([PYTHON, "-m", "pip", *install, wheel()], check=True)
    C_PROGRAMS.mkdir(parents=True, exist_ok=True)
    ours = [f"-I{ROOT / 'include'}", f"-L{PROGRAMS}", "-lflowai", f"-Wl,-rpath,{PROGRAMS}"]
    compile_c("flowai", ours)
    compile_c("libcurl", ["-lcurl"])
    compile_c("socket", [])


def wheel() -> Path:
    """Build the package as it is published for this machine."""
    shutil.rmtree(WHEEL, ignore_errors=True)
    command = [PYTHON, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", WHEEL, ROOT]
    subprocess.run(command, env=os.environ | {"CARGO_TARGET_DIR": str(TARGET)}, check=True)
    return the_wheel()


def the_wheel() -> Path:
    (made,) = WHEEL.glob("*.whl")
    return made


def cargo(*arguments: str) -> None:
    subprocess.run([os.environ.get("CARGO", "cargo"), *arguments], cwd=ROOT, check=True)


def compile_c(name: str, arguments: list[str]) -> None:
    source = BENCH / "c" / f"{name}.c"
    command = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", str(C_PROGRAMS / name), str(source)]
    subprocess.run([*command, *arguments], check=True)
