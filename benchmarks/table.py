"""One table of all figures: ours, what stands beside it, the ratio, the goal, met or missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.goals import Goal
from benchmarks.measure import Rounds

COLUMNS = ("what", "ours", "floor or peer", "ratio", "goal", "")
_RIGHT = {"ours", "ratio", "goal"}


@dataclass(frozen=True)
class Figure:
    """A time, with the peak memory of the process that took it where that is known; or a memory.

    each: what every round took, where the figure is their median.
    """

    value: float
    unit: str = "s"
    megabytes: float = 0
    each: tuple[float, ...] = ()

    def __str__(self) -> str:
        digits = 0 if self.unit == "MB" else 2 if self.value < 10 else 1
        memory = f", {self.megabytes:,.0f} MB" if self.megabytes else ""
        return f"{self.value:,.{digits}f} {self.unit}{memory}"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    beside: what ours is compared with; its name is said, its figure missing where it cannot run.
    times: how many times the figure beside it the work is; the ratio is to that.
    """

    what: str
    ours: Figure
    beside: Figure | None = None
    beside_name: str = ""
    goal: Goal | None = None
    times: float = 1

    @property
    def ratio(self) -> float | None:
        """The median of the rounds' ratios, as a busy minute hits both sides of one round; else
        the ratio of the two figures.
        """
        if self.beside is None:
            return None
        pairs = list(zip(self.ours.each, self.beside.each, strict=False))
        pairs = pairs or [(self.ours.value, self.beside.value)]
        return median(ours / (beside * self.times) for ours, beside in pairs)

    @property
    def met(self) -> bool | None:
        """None where there is no goal, or nothing to compare with."""
        if self.goal is None:
            return None
        if self.goal.unit == "times":
            return None if self.ratio is None else self.ratio <= self.goal.limit
        assert self.goal.unit == self.ours.unit
        return self.ours.value <= self.goal.limit

    @property
    def cells(self) -> tuple[str, ...]:
        beside = ": ".join(
            part for part in (self.beside_name, str(self.beside) if self.beside else "") if part
        )
        return (
            self.what,
            str(self.ours),
            beside,
            "" if self.ratio is None else f"{self.ratio:.2f}",
            "" if self.goal is None else str(self.goal),
            {None: "", True: "met", False: "missed"}[self.met],
        )


def time_of(figures: Rounds) -> Figure:
    """The median, with the highest peak of memory."""
    each = tuple(run.seconds for run in figures.runs)
    return Figure(figures.seconds, megabytes=figures.megabytes, each=each)


def less(figure: Figure, seconds: float) -> Figure:
    """What a time is without so many seconds that are no part of what is compared."""
    each = tuple(one - seconds for one in figure.each)
    return replace(figure, value=figure.value - seconds, each=each)


def memory_of(figures: Rounds) -> Figure:
    return Figure(figures.megabytes, "MB")


@dataclass(frozen=True)
class Section:
    """Rows that belong together, in the order in which they were measured."""

    title: str
    rows: Sequence[Row]


def print_table(sections: Sequence[Section], about: Sequence[str]) -> None:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in _RIGHT else "left")
    for section in sections:
        table.add_row(f"[bold]{escape(section.title)}[/]")
        for row in section.rows:
            *cells, met = map(escape, row.cells)
            style = {"met": "green", "missed": "bold red"}.get(met, "")
            table.add_row(*cells, f"[{style}]{met}[/]" if style else met)
        table.add_section()
    # Not narrower for a file or a pipe: a figure cut off is none.
    console = Console()
    if not console.is_terminal:
        console = Console(width=170)
    console.print(table)
    for line in (*about, summary(sections)):
        console.print(line, highlight=False)


def summary(sections: Sequence[Section]) -> str:
    met = [row.met for section in sections for row in section.rows if row.met is not None]
    how = "Times are medians, and a ratio is the median of the rounds' ratios"
    return f"{how}; {sum(met)} of {len(met)} goals met." if met else f"{how}."


def markdown(sections: Sequence[Section], about: Sequence[str]) -> str:
    """The same table for a page of the docs."""
    lines = ["| " + " | ".join(COLUMNS) + " |"]
    lines.append("|" + "|".join("---:" if name in _RIGHT else "---" for name in COLUMNS) + "|")
    for section in sections:
        lines.append(f"| **{section.title}** |" + " |" * (len(COLUMNS) - 1))
        lines += [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in row.cells) + " |"
            for row in section.rows
        ]
    return "\n".join([*lines, "", *(f"{line}  " for line in about), summary(sections), ""])
