"""`make charts`: draws what `make bench` measured last, as pictures for docs/performance.md.

Every figure comes from target/bench/results.json. A row that was never measured is an error.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.place import RESULTS, ROOT

DOCS = ROOT / "docs"
PEERS = ("sequential", "threads", "asyncio", "many", "c", "tls-sequential", "tls-c", "receive", "upload")
SCALES = ("scale-sends", "scale-events", "scale-history", "scale-threads")

# Colours that are told apart in greyscale too, on light and on dark pages.
OURS, OTHERS = "#2266cc", "#9aa5b1"
mpl.rcParams.update(
    {
        "svg.hashsalt": "flowai",  # the same figures give the same file
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def main() -> int:
    path = RESULTS / "results.json"
    rows = json.loads(path.read_text()) if path.exists() else {}
    if missing := [name for name in (*PEERS, *SCALES) if name not in rows]:
        print(f"make bench ROW='{' '.join(missing)}' comes first", file=sys.stderr)
        return 1
    save(peers([rows[name] for name in PEERS]), DOCS / "performance-peers.svg")
    for name in SCALES:
        save(curves(rows[name]), DOCS / f"performance-{name.removeprefix('scale-')}.svg")
    return 0


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight", facecolor="white")
    print(path.relative_to(ROOT))


def peers(rows: list[dict[str, Any]]) -> Figure:
    """Draw who does how much in a second, one small chart a row."""
    columns = 3
    figure = Figure(figsize=(10, 1.9 * -(-len(rows) // columns)), layout="constrained")
    for place, row in enumerate(rows, 1):
        axes = figure.add_subplot(-(-len(rows) // columns), columns, place)
        middle = {name: statistics.median(figures) for name, figures in row["figures"].items()}
        names = sorted(middle, key=lambda name: middle[name])
        colours = [OURS if name.startswith("flowai") else OTHERS for name in names]
        bars = axes.barh(names, [middle[name] for name in names], color=colours)
        axes.bar_label(bars, labels=[f"{middle[name]:,.0f}" for name in names], padding=2, fontsize=7)
        axes.set_title(f"{row['title']}\n{row['unit']}", fontsize=7, loc="left")
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.margins(x=0.18)
    return figure


def curves(row: dict[str, Any]) -> Figure:
    """Draw how a figure changes with how many there are."""
    names = list(row["curves"])
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    figure.suptitle(row["title"], fontsize=10, x=0.01, ha="left")
    for place, name in enumerate(names, 1):
        axes = figure.add_subplot(1, len(names), place)
        across, up = zip(*row["curves"][name], strict=True)
        axes.plot(across, up, color=OURS, marker="o", markersize=3, linewidth=1.5)
        axes.set_ylim(0, max(up) * 1.15)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(row["axes"][0])
        axes.set_title(name, fontsize=9, loc="left")
        axes.grid(axis="y", color="#e3e7eb")
        thousands(axes)
    return figure


def thousands(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}")


if __name__ == "__main__":
    sys.exit(main())
