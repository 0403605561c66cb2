"""A machine in trouble says so, leaves nothing half done, and goes on when the trouble is over."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from usage_pipeline.register import State
from usage_pipeline_tests.conftest import workplace
from usage_pipeline_tests.ledger.troubles import (
    command,
    full_but_for,
    in_the_way,
    mounted,
    read_only,
)
from usage_pipeline_tests.workplace import Outcome, Workplace

pytestmark = pytest.mark.slow

#: Events that are in before the trouble; the file that meets the trouble has them too.
KNOWN = 5


def usage(event: int, customer: str = "acme") -> str:
    return f"e{event},{customer},2024-10-01T10:00:00Z,{event},1.5,us-east"


def many_rows() -> list[str]:
    """Smaller than what the warehouse writes to its log when they go in."""
    return [usage(event) for event in range(60_000)]


def wide_rows() -> list[str]:
    """Smaller than their mapped frame: nothing in it can be packed, and for the space at the end
    of a customer it has the row as written beside the row as read.
    """
    chance = random.Random(0)  # noqa: S311
    return [usage(event, f"{chance.getrandbits(800):x} ") for event in range(12_000)]


@dataclass(frozen=True)
class Trouble:
    """Something that stops the ingest of a file at a certain point.

    says: what the command says of it. leaves: the state that the upload stays in; None where
    there is none. limit: how large any file may be, as a share of the one that is sent in.
    disk: a folder of the data folder that is a file system of its own. lasts: given the data
    folder and the size of the file, a context in which the trouble lasts.
    """

    rows: Callable[[], list[str]]
    says: str
    leaves: State | None
    limit: float | None = None
    disk: str | None = None
    lasts: Callable[[Path, int], AbstractContextManager[None]] = lambda _data, _size: nullcontext()


TOO_LARGE, FULL = "File too large", "No space left on device"
TROUBLES = {
    "no file may be as large as the upload": Trouble(many_rows, TOO_LARGE, None, limit=0.95),
    "no file may be as large as the frame": Trouble(wide_rows, TOO_LARGE, "received", limit=1.2),
    "no file may be as large as the log": Trouble(many_rows, TOO_LARGE, "confirmed", limit=1.05),
    "the disk is full at the upload": Trouble(
        many_rows,
        FULL,
        None,
        disk="uploads",
        lasts=lambda data, size: full_but_for(data / "uploads", size // 2),
    ),
    "the disk is full at the frame": Trouble(
        wide_rows,
        FULL,
        "received",
        disk="uploads",
        lasts=lambda data, size: full_but_for(data / "uploads", size + size // 5),
    ),
    "the disk is full at the commit": Trouble(
        many_rows,
        FULL,
        "confirmed",
        disk="warehouse",
        lasts=lambda data, size: full_but_for(data / "warehouse", size // 2),
    ),
    "the archive is read-only": Trouble(
        many_rows,
        "Read-only file system",
        None,
        disk="uploads",
        lasts=lambda data, _: read_only(data / "uploads"),
    ),
    "a file is in the way of the archive": Trouble(
        many_rows, "File exists", None, lasts=lambda data, _: in_the_way(data / "uploads/.staging")
    ),
}


@dataclass(frozen=True)
class Seen:
    """What was seen while a trouble lasted, and of the same command after it.

    counting: the rows that count in the ingestion table, and how many events they are.
    strays: files in the archive that belong to no upload.
    """

    trouble: Trouble
    sent: int
    ended: Outcome
    states: list[State]
    counting: tuple[int, int]
    strays: list[str]
    ended_again: Outcome
    verified: Outcome
    counting_again: tuple[int, int]


@pytest.fixture(scope="module", params=TROUBLES)
def seen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    trouble = TROUBLES[request.param]
    with pytest.MonkeyPatch.context() as monkeypatch:
        work = workplace(tmp_path_factory.mktemp("trouble"), monkeypatch)
        disk = nullcontext() if trouble.disk is None else mounted(work.data / trouble.disk)
        with disk:
            yield see(work, trouble)


def see(work: Workplace, trouble: Trouble) -> Seen:
    work.ingest(work.api_file("known.csv", *map(usage, range(KNOWN))))
    rows = trouble.rows()
    file = work.api_file("sent.csv", *rows)
    size = file.stat().st_size
    ingest: list[str | Path] = ["ingest", file, "--schema", "api_usage", "--format", "json"]
    with trouble.lasts(work.data, size):
        if trouble.limit is None:
            ended = work.run(*ingest)
        else:
            ended = command(*ingest, limit=int(size * trouble.limit))
    states = [one.state for one in work.register.uploads() if one.file_name == file.name]
    counting, strays = rows_and_events(work), strays_in(work.folder.uploads)
    again = work.run(*ingest)
    verified = work.run("verify", "--rebuild", "--format", "json")
    return Seen(
        trouble,
        len(rows),
        ended,
        states,
        counting,
        strays,
        again,
        verified,
        rows_and_events(work),
    )


def rows_and_events(work: Workplace) -> tuple[int, int]:
    with work.flow().warehouse.open() as connection:
        [found] = connection.execute(
            "SELECT count(*), count(DISTINCT event_id) FROM api_usage.ingestion_table"
        ).fetchall()
    return found[0], found[1]


def strays_in(archive: Path) -> list[str]:
    files = [path.name for path in archive.rglob("*") if path.is_file()]
    return [name for name in files if not name.startswith(("original", "mapped-", "errors-"))]


def test_it_is_the_machines_matter(seen: Seen) -> None:
    assert seen.ended.exit_code == 3


def test_the_message_says_what_the_trouble_is(seen: Seen) -> None:
    assert seen.trouble.says in seen.ended.err


def test_nobody_sees_a_traceback(seen: Seen) -> None:
    assert "Traceback" not in seen.ended.err


def test_the_upload_stays_in_the_state_before_the_trouble(seen: Seen) -> None:
    assert seen.states == ([] if seen.trouble.leaves is None else [seen.trouble.leaves])


def test_no_row_of_the_file_is_in(seen: Seen) -> None:
    assert seen.counting == (KNOWN, KNOWN)


def test_nothing_half_written_stays_in_the_archive(seen: Seen) -> None:
    assert seen.strays == []


def test_the_same_command_succeeds_when_the_trouble_is_over(seen: Seen) -> None:
    assert (seen.ended_again.exit_code, seen.ended_again.json[0]["state"]) == (0, "ingested")


def test_a_rebuild_gives_the_same_afterwards(seen: Seen) -> None:
    assert seen.verified.exit_code == 0


def test_no_event_counts_twice_afterwards(seen: Seen) -> None:
    assert seen.counting_again == (seen.sent, seen.sent)


def test_a_rebuild_that_cannot_be_committed_is_told_without_a_traceback(work: Workplace) -> None:
    file = work.api_file("sent.csv", *many_rows())
    work.ingest(file)
    limit = int(file.stat().st_size * 1.05)
    ended = command("rebuild", "--schema", "api_usage", limit=limit)
    assert (ended.exit_code, "Traceback" in ended.err) == (3, False)


def test_a_warehouse_that_could_not_be_made_is_made_by_the_same_command(work: Workplace) -> None:
    ingest: list[str | Path] = [
        "ingest",
        work.api_file("sent.csv", usage(1)),
        "--schema",
        "api_usage",
    ]
    assert command(*ingest, limit=4096).exit_code == 3
    assert work.run(*ingest).exit_code == 0
