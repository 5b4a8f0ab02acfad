"""What was tried, as one table."""

from __future__ import annotations


class Figures:
    """The rows of the table."""

    def __init__(self) -> None:
        self._rows = [("what", "tries", "promised", "broken", "")]

    def add(self, what: str, tries: int, promised: int, broken: int, note: str = "") -> None:
        """So many promises were made in so many tries, and so many of them broken."""
        self._rows.append((what, f"{tries:,}", f"{promised:,}", f"{broken:,}", note))

    def lines(self) -> list[str]:
        """The table as text; nothing when nothing was tried."""
        if len(self._rows) == 1:
            return []
        widths = [max(len(row[n]) for row in self._rows) for n in range(4)]
        lines = []
        for what, *numbers, note in self._rows:
            cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
            lines.append("  ".join([what.ljust(widths[0]), *cells, note]).rstrip())
        return lines
