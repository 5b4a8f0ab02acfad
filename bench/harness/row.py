"""A row of the table: who is measured, against whom, and what has to be reached."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

Figures = dict[str, list[float]]
Curve = list[tuple[float, float]]


@dataclass(frozen=True)
class Ratio:
    """The subject's figure over the reference's: the median of the ratios of the rounds."""

    subject: str
    reference: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def name(self) -> str:
        return f"{self.subject} / {self.reference}"

    def value(self, figures: Figures) -> float:
        pairs = zip(figures[self.subject], figures[self.reference], strict=True)
        return statistics.median(mine / other for mine, other in pairs)


@dataclass(frozen=True)
class Median:
    """The median of the subject's own figures."""

    subject: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def name(self) -> str:
        return self.subject

    def value(self, figures: Figures) -> float:
        return statistics.median(figures[self.subject])


Goal = Ratio | Median


def bound(goal: Goal) -> str:
    return f">= {goal.at_least:g}" if goal.at_least is not None else f"<= {goal.at_most:g}"


def is_met(goal: Goal, figures: Figures) -> bool:
    value = goal.value(figures)
    return value >= goal.at_least if goal.at_least is not None else value <= (goal.at_most or 0.0)


@dataclass
class Row:
    """Contenders that are measured alternately. Each gives one figure a round."""

    name: str
    title: str
    unit: str
    contenders: dict[str, Callable[[], float]]
    goals: list[Goal]
    reference: str | None = None
    rounds: int | None = None
    """How many; by default those that were asked for. What does not vary needs one."""
    note: str = ""
    figures: Figures = field(default_factory=dict)
    axes: tuple[str, str] = ("", "")
    curves: dict[str, Curve] = field(default_factory=dict)
    """What the chart of this row shows, if it has one: points of the last round."""

    def measure(self, rounds: int, told: Callable[[str], None]) -> None:
        """Run all rounds, each in another order, so that what disturbs the machine disturbs all."""
        figures: Figures = {name: [] for name in self.contenders}
        rounds = self.rounds or rounds
        for number in range(rounds):
            order = list(self.contenders)
            random.shuffle(order)
            for name in order:
                told(f"{self.name}: round {number + 1} of {rounds}, {name}")
                figures[name].append(self.contenders[name]())
        self.figures = figures
