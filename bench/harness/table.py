"""The table that people read, and the same for programs."""

from __future__ import annotations

import statistics
from typing import Any

from harness.row import Row, bound, is_met


def show(row: Row) -> str:
    """Lay out one row: a line for each contender, and one for each goal."""
    width = max(len(name) for name in row.contenders)
    lines = [f"{row.name}: {row.title} ({row.unit})"]
    for name, figures in row.figures.items():
        line = f"  {name:<{width}}  {number(statistics.median(figures)):>10}"
        if len(figures) > 1:
            line += f"  {number(min(figures)):>9} - {number(max(figures)):<9}"
        if row.reference and len(figures) > 1:
            pairs = zip(figures, row.figures[row.reference], strict=True)
            line += f"  {statistics.median(mine / other for mine, other in pairs):6.2f}x {row.reference}"
        lines.append(line)
    for goal in row.goals:
        verdict = "met" if is_met(goal, row.figures) else "NOT MET"
        lines.append(f"  {verdict:>7}: {goal.name} {number(goal.value(row.figures))} (goal {bound(goal)})")
    if row.note:
        lines.append(f"  {row.note}")
    return "\n".join(lines)


def number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.1f}"


def document(row: Row) -> dict[str, Any]:
    """Give one row as JSON has it."""
    return {
        "name": row.name,
        "title": row.title,
        "unit": row.unit,
        "figures": row.figures,
        "reference": row.reference,
        "axes": row.axes,
        "curves": row.curves,
        "goals": [
            {
                "name": goal.name,
                "goal": bound(goal),
                "value": goal.value(row.figures),
                "met": is_met(goal, row.figures),
            }
            for goal in row.goals
        ],
    }
