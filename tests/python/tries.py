"""How much is tried of what differs from one time to the next: little in `make test`, much in `make soak`.

And the figures that come of it, which are printed at the end.
"""

from __future__ import annotations

import os


def _count(name: str, default: int) -> int:
    return int(os.environ.get(f"FLOWAI_{name}", default))


# Forks of each kind.
FORKS = _count("FORKS", 20)
# Interrupts of all kinds together; each kind has at least one.
INTERRUPTS = _count("INTERRUPTS", 1)
# Exits of each kind.
EXITS = _count("EXITS", 10)
# Messages of one send_many whose memory is looked at.
MESSAGES = _count("MESSAGES", 6_000)

FIGURES: list[str] = []


def rounds(wanted: int, kinds: int) -> int:
    """How often all kinds have to be tried so that there are as many tries as wanted."""
    return max(1, -(-wanted // kinds))
