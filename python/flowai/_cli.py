"""The console script ``flowai``."""

import signal
import sys

from flowai._flowai import run_cli


def main() -> int:
    """Run the command with the arguments of this process and return its exit code."""
    # Being told to end is no different from Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return run_cli(["flowai", *sys.argv[1:]])
