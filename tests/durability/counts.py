"""How much of everything is tried: little in `make test`, much in `make soak`, as the environment says."""

from __future__ import annotations

import os


def _count(name: str, default: int) -> int:
    return int(os.environ.get(f"FLOWAI_{name}", default))


# Processes killed while they receive and handle, and while they drain the outbox.
KILLS = _count("KILLS", 12)
# Times that each named step is killed at.
STEP_KILLS = _count("STEP_KILLS", 2)
# Runs on a disk that loses power, and moments of each at which it does.
POWER_RUNS = _count("POWER_RUNS", 2)
POWER_CUTS = _count("POWER_CUTS", 40)
# Operations of each kind that fail, one after the other.
FAULTS = _count("FAULTS", 25)
# Bytes of room that are tried on a full disk.
FULL_DISKS = _count("FULL_DISKS", 6)
# Jumps of the clock.
JUMPS = _count("JUMPS", 40)
# Events that two consumers fight for.
FIGHT_EVENTS = _count("FIGHT_EVENTS", 60)
# Clients that keep the receiver waiting.
SLOW_CLIENTS = _count("SLOW_CLIENTS", 200)
# Where randomness starts.
SEED = _count("SEED", 1)

# Nothing that is waited for may take longer; seconds. Only to end what hangs.
LONG = 120.0
