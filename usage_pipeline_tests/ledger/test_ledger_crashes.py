"""A process that is killed, at any point of anything, leaves what the next one finishes."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from usage_pipeline.schema.event_schema import DuplicatePolicy
from usage_pipeline_tests.ledger import lives
from usage_pipeline_tests.ledger.killed_runs import killed_after, killed_before, killed_in_a_write
from usage_pipeline_tests.ledger.lives import (
    BILLED,
    CORRECTED,
    Line,
    Place,
    end_of_long_life,
    long_life,
    model_of,
    place_with,
    prove,
    random_lines,
    start_again,
)
from usage_pipeline_tests.ledger.model import Model
from usage_pipeline_tests.memory import memory_folder

#: Three files with events in common, the same and otherwise, and a missing value in a key.
LINES: list[list[Line]] = [
    [("a", "x", 1, 10, 11), ("a", "y", 2, 20, None), ("a", "x", 1, 10, 12), ("b", None, 3, 5, 7)],
    [("a", "x", 4, 1, 1), ("a", "y", 2, 20, 21), ("c", "x", 5, 3, 3)],
    [("b", None, 3, 6, 6), ("c", "x", 1, 4, 4), ("a", "x", 2, 2, 2)],
]


@dataclass(frozen=True)
class Piece:
    """A piece of work on files, after others that were done in peace, and what follows on it.

    amount: the column that the YAML reads while it is done. steps: it has no fewer.
    """

    policy: DuplicatePolicy
    files: int
    before: tuple[Callable[[Place], None], ...]
    work: Callable[[Place], None]
    rest: Callable[[Place], None] = lives.follow_all
    amount: str = BILLED
    steps: int = 15


CHECKED, IN, VOIDED = (lives.check_all,), (lives.take_all,), (lives.take_all, lives.void_first)
PIECES = {
    "a file is taken and checked": Piece("keep_first", 1, (), lives.check_all, steps=25),
    "the first rows go in": Piece("keep_last", 2, CHECKED, lives.follow_all),
    "a conflict is refused": Piece("refuse", 2, CHECKED, lives.follow_all),
    "an upload is voided": Piece("keep_first", 3, IN, lives.void_first),
    "an upload is restored": Piece("keep_first", 3, VOIDED, lives.restore_first),
    "an upload is mapped again": Piece(
        "keep_first", 3, IN, lives.read_first_again, lives.read_first_again, amount=CORRECTED
    ),
}


@pytest.fixture
def memory() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize("name", PIECES)
def test_a_kill_before_any_step_heals_by_starting_again(name: str, memory: Path) -> None:
    kill_before_every_step(PIECES[name], memory)


@pytest.mark.soak
@pytest.mark.parametrize("policy", ["keep_first", "keep_last", "refuse"])
def test_a_kill_before_any_step_of_the_whole_way_heals(
    policy: DuplicatePolicy, memory: Path
) -> None:
    kill_before_every_step(Piece(policy, 3, (), lives.take_all, steps=50), memory)


@pytest.mark.slow
@pytest.mark.parametrize("name", PIECES)
def test_a_kill_in_the_middle_of_a_write_heals_by_starting_again(name: str, memory: Path) -> None:
    piece = PIECES[name]
    base = base_of(piece, memory)
    chance = random.Random(name)  # noqa: S311
    for limit in [chance.randint(12 << 10, 250 << 10) for _ in range(5)]:
        kill_in_a_write(piece, copy_of(base, memory / f"{limit} bytes"), limit)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1000, 4096, 8192])
def test_a_kill_while_the_warehouse_is_made_heals_by_starting_again(
    limit: int, memory: Path
) -> None:
    piece = PIECES["a file is taken and checked"]
    kill_in_a_write(piece, base_of(piece, memory), limit)


def kill_in_a_write(piece: Piece, place: Place, limit: int) -> None:
    assert killed_in_a_write(limit, partial(piece.work, place))
    heals(piece, place)


def heals(piece: Piece, place: Place) -> Model:
    """Start again, nothing else; returns what that must come to, by what was decided before."""
    decided = model_of(place.flow(piece.amount), place)
    start_again(place, piece.amount)
    prove(place.flow(piece.amount), decided)
    return decided


def goes_on(piece: Piece, place: Place, end: Model) -> None:
    """Start again, then do what was not decided before the kill."""
    if heals(piece, place) != end:
        piece.work(place)
        piece.rest(place)
        prove(place.flow(piece.amount), end)


def base_of(piece: Piece, folder: Path) -> Place:
    """A place where all is done that comes before a piece of work."""
    base = place_with(folder / "base", piece.policy, LINES[: piece.files])
    for work in piece.before:
        assert not killed_after(None, partial(work, base))
    return base


def kill_before_every_step(piece: Piece, folder: Path) -> None:
    base = base_of(piece, folder)
    undisturbed = copy_of(base, folder / "undisturbed")
    for work in (piece.work, piece.rest):
        assert not killed_after(None, partial(work, undisturbed))
    end = model_of(undisturbed.flow(piece.amount), undisturbed)
    step = 0
    while True:
        place = copy_of(base, folder / f"step {step}")
        if not killed_before(step, place.data, partial(piece.work, place)):
            break
        goes_on(piece, place, end)
        shutil.rmtree(place.folder)
        step += 1
    assert step >= piece.steps


def copy_of(place: Place, folder: Path) -> Place:
    shutil.copytree(place.folder, folder)
    return replace(place, folder=folder)


def run_to_its_end(place: Place) -> float:
    """How long the life of a place takes when nothing disturbs it."""
    # The server that processes are forked off starts with the first of them.
    assert not killed_after(None, place.flow)
    begun = time.monotonic()
    assert not killed_after(None, partial(long_life, place))
    return time.monotonic() - begun


def kill_and_start_again(folder: Path, policy: DuplicatePolicy, instants: int) -> None:
    """Kill as many lives as there are instants, at random ones; each goes on to its right end."""
    chance = random.Random(policy)  # noqa: S311
    length = run_to_its_end(place_with(folder / "undisturbed", policy, random_lines(0)))
    for number in range(instants):
        lines, seconds = random_lines(number), chance.uniform(0, length)
        place = place_with(folder / f"life {number}", policy, lines)
        while not killed_after(seconds, partial(long_life, place)):
            # It was faster than the undisturbed one, and over by then.
            shutil.rmtree(place.folder)
            place = place_with(place.folder, policy, lines)
            seconds /= 2
        assert not killed_after(None, partial(long_life, place))
        prove(place.flow(), end_of_long_life(place))


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["keep_first", "keep_last"])
def test_a_kill_at_any_instant_heals_by_starting_again(
    memory: Path, policy: DuplicatePolicy
) -> None:
    kill_and_start_again(memory, policy, instants=5)


@pytest.mark.soak
@pytest.mark.parametrize("policy", ["keep_first", "keep_last"])
def test_kills_at_very_many_instants_heal_by_starting_again(
    memory: Path, policy: DuplicatePolicy
) -> None:
    kill_and_start_again(memory, policy, instants=100)
