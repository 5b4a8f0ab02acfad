"""`make demo`: a Python program and a C program each hold a conversation with a bot on this machine.

Each gets a sandbox of its own, which calls the program's webhook with every reply. Exits 0 only when every
text was answered by webhook.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXTS = 2


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def compile_c(libraries: Path, folder: Path) -> Path:
    """Compile the C program against the library."""
    program = folder / "conversation"
    source = ROOT / "examples" / "c" / "conversation.c"
    command = ["cc", "-std=c99", "-Wall", "-Wextra", "-o", str(program), str(source)]
    command += [f"-I{ROOT / 'include'}", f"-L{libraries}", "-lflowai", f"-Wl,-rpath,{libraries}"]
    subprocess.run(command, check=True)
    return program


def converse(flowai: Path, name: str, program: list[str]) -> bool:
    """Run one program against a sandbox of its own, and say whether every text was answered."""
    listen = f"127.0.0.1:{free_port()}"
    command = [str(flowai), "--json", "sandbox", "--listen", "127.0.0.1:0"]
    command += ["--no-webhook-check", "--webhook-url", f"http://{listen}/"]
    # The sandbox does not tell a key and a secret that it found in the environment.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLOWAI_")}
    print(f"--- a {name} program, its webhook at http://{listen}/", flush=True)
    with subprocess.Popen(command, env=clean, stdout=subprocess.PIPE, text=True) as sandbox:
        try:
            assert sandbox.stdout is not None
            set_up = json.loads(sandbox.stdout.readline())
            environment = os.environ | {
                "FLOWAI_BASE_URL": set_up["base_url"],
                "FLOWAI_API_KEY": set_up["api_key"],
                "FLOWAI_WEBHOOK_SECRET": set_up["webhook_secret"],
                "FLOWAI_LISTEN": listen,
            }
            done = subprocess.run(program, env=environment, stdout=subprocess.PIPE, text=True, timeout=60)
        finally:
            sandbox.terminate()
    print(done.stdout, end="", flush=True)
    answered = sum(line.startswith("bot") for line in done.stdout.splitlines())
    return done.returncode == 0 and answered == TEXTS


def main() -> int:
    """Run both programs."""
    libraries = Path(sys.argv[1]).resolve()
    flowai = Path(sys.executable).parent / "flowai"
    with tempfile.TemporaryDirectory() as folder:
        programs = {
            "Python": [sys.executable, str(ROOT / "examples" / "python" / "conversation.py")],
            "C": [str(compile_c(libraries, Path(folder)))],
        }
        failed = [name for name, program in programs.items() if not converse(flowai, name, program)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
        return 1
    print("Every reply came by webhook.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
