"""`make demo`: a Python program and a C program each hold a conversation with a bot on this machine.

Each gets a sandbox of its own, which calls the program's webhook with every reply. Then a receiver with an
inbox is killed in the middle of a conversation, and started again. Exits 0 only when every text was answered
by webhook, and no answer was lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import flowai

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


@contextlib.contextmanager
def sandbox(flowai_command: Path, listen: str) -> Iterator[dict[str, str]]:
    """Run a sandbox that calls the webhook at `listen`, and give what a program needs to talk to it."""
    command = [str(flowai_command), "--json", "sandbox", "--listen", "127.0.0.1:0"]
    command += ["--no-webhook-check", "--webhook-url", f"http://{listen}/"]
    # The sandbox does not tell a key and a secret that it found in the environment.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLOWAI_")}
    with subprocess.Popen(command, env=clean, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            set_up = json.loads(process.stdout.readline())
            yield os.environ | {
                "FLOWAI_BASE_URL": set_up["base_url"],
                "FLOWAI_API_KEY": set_up["api_key"],
                "FLOWAI_WEBHOOK_SECRET": set_up["webhook_secret"],
                "FLOWAI_LISTEN": listen,
            }
        finally:
            process.terminate()


def converse(command: Path, name: str, program: list[str]) -> bool:
    """Run one program against a sandbox of its own, and say whether every text was answered."""
    listen = f"127.0.0.1:{free_port()}"
    print(f"--- a {name} program, its webhook at http://{listen}/", flush=True)
    with sandbox(command, listen) as environment:
        done = subprocess.run(program, env=environment, stdout=subprocess.PIPE, text=True, timeout=60)
    print(done.stdout, end="", flush=True)
    answered = sum(line.startswith("bot") for line in done.stdout.splitlines())
    return done.returncode == 0 and answered == TEXTS


class Listener:
    """A receiver with an inbox: `flowai listen --inbox`, which prints each event once it is safe."""

    def __init__(self, flowai_command: Path, folder: Path, environment: dict[str, str]) -> None:
        self.output = folder / "events.jsonl"
        command = [str(flowai_command), "--json", "listen", "--listen", environment["FLOWAI_LISTEN"]]
        command += ["--inbox", str(folder / "inbox.db")]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=subprocess.DEVNULL
            )

    def replies(self) -> list[str]:
        """Give the texts of all replies that were printed, also before this process."""
        lines = self.output.read_bytes().split(b"\n")[:-1]
        events = [flowai.parse_event(line) for line in lines]
        return [event.text for event in events if event.kind == flowai.EventKind.REPLY]

    def wait_for(self, replies: int) -> None:
        """Wait until so many different replies were printed."""
        end = time.monotonic() + 60
        while len(set(self.replies())) < replies and time.monotonic() < end:
            time.sleep(0.05)

    def kill(self) -> None:
        """End the process as a power cut would: it can do nothing about it."""
        self.process.kill()
        self.process.wait()


def survive(command: Path) -> bool:
    """Kill a receiver in the middle of a conversation, and say whether every reply was kept."""
    listen = f"127.0.0.1:{free_port()}"
    print(
        f"--- a receiver with an inbox at http://{listen}/, killed in the middle of a conversation",
        flush=True,
    )
    texts = [f"message {n}" for n in range(1, 11)]
    with tempfile.TemporaryDirectory() as folder, sandbox(command, listen) as environment:
        client = flowai.Client(environment["FLOWAI_API_KEY"], base_url=environment["FLOWAI_BASE_URL"])
        listener = Listener(command, Path(folder), environment)
        for text in texts[:5]:
            client.send_text("demo-thread", text)
        listener.wait_for(2)
        listener.kill()
        print(
            f"killed after {len(listener.replies())} replies; five more messages are on their way", flush=True
        )
        for text in texts[5:]:
            client.send_text("demo-thread", text)
        listener = Listener(command, Path(folder), environment)
        listener.wait_for(len(texts))
        listener.kill()
        replies = listener.replies()
    lost = sorted(set(texts) - set(replies))
    print(f"started again: {len(set(replies))} of {len(texts)} replies, {len(lost)} lost", flush=True)
    return not lost


def main() -> int:
    """Run both programs."""
    libraries = Path(sys.argv[1]).resolve()
    command = Path(sys.executable).parent / "flowai"
    with tempfile.TemporaryDirectory() as folder:
        programs = {
            "Python": [sys.executable, str(ROOT / "examples" / "python" / "conversation.py")],
            "C": [str(compile_c(libraries, Path(folder)))],
        }
        failed = [name for name, program in programs.items() if not converse(command, name, program)]
    if not survive(command):
        failed.append("the receiver that was killed")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
        return 1
    print("Every reply came by webhook, and none was lost.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
