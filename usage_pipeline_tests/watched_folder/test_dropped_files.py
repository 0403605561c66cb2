"""What becomes of files that are moved, copied and written into a watched folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline_tests.watched_folder.daemon import (
    Daemon,
    done,
    drop,
    failed,
    lying_in,
    outcome,
    upload_named,
    uploads_named,
)
from usage_pipeline_tests.watched_folder.usage import (
    api_calls,
    bad_usage_file,
    peak_storage,
    usage_file,
    values_of,
)
from usage_pipeline_tests.workplace import Workplace

#: From a complete file to the note on it; many times what an idle machine needs.
SOON = 90.0

#: Longer than a file that ends within a line has to rest.
STALL_SECONDS = 13.0

LEFT_ALONE = {
    ".hidden.csv": "its name is hidden or temporary",
    "~half.csv": "its name is hidden or temporary",
    "october.csv.part": "its name is hidden or temporary",
    "linked.csv": "it is a symbolic link",
    "pipe.csv": "it is a pipe",
    "older": "it is a folder",
}


PIECES, STALL, VISITS = (usage_file(name, 50) for name in ("pieces", "stall", "visits"))
TWICE, OLDER, NEWER = usage_file("twice", 30), usage_file("named", 10), usage_file("named", 15, 1)


@dataclass(frozen=True)
class Scene:
    """A watched folder, and the people who are at work on it."""

    daemon: Daemon
    people: dict[str, Future[None]]

    @property
    def work(self) -> Workplace:
        return self.daemon.work

    def told(self, name: str) -> str:
        """What the note on a file says, as soon as there is one."""
        self.daemon.wait_until(lambda: outcome(self.work, name), SOON, f"a note on {name}")
        return outcome(self.work, name)

    def after(self, person: str) -> None:
        """Let somebody finish who is at work since the daemon started."""
        self.people[person].result(timeout=SOON)

    def is_ingested_once_and_whole(self, name: str, text: str) -> None:
        upload = upload_named(self.work, name)
        assert upload.state == "ingested"
        assert self.archived(upload.upload) == text.encode()
        assert upload.lines == len(text.splitlines()) - 1
        assert len(self.work.register.drops.named("api_usage", name, 10)) == 1

    def archived(self, upload: str) -> bytes:
        return (self.work.folder.uploads / "api_usage" / upload / "original.csv").read_bytes()


def in_pieces(path: Path, text: str) -> None:
    """A program that writes for some seconds, a part of a line now and then."""
    pieces = 25
    size = len(text) // pieces + 1
    with path.open("w") as file:
        for start in range(0, len(text), size):
            file.write(text[start : start + size])
            file.flush()
            time.sleep(0.2)


def with_a_stall(path: Path, text: str) -> None:
    """A program that rests for long within a line, with the file open."""
    middle = len(text) // 2
    assert text[middle - 1] != "\n"
    with path.open("w") as file:
        file.write(text[:middle])
        file.flush()
        time.sleep(STALL_SECONDS)
        file.write(text[middle:])


def in_two_visits(path: Path, text: str) -> None:
    """A program that closes the file within a line, and comes back for the rest."""
    middle = len(text) // 2
    assert text[middle - 1] != "\n"
    path.write_text(text[:middle])
    time.sleep(7)
    with path.open("a") as file:
        file.write(text[middle:])


def leave_alone(folder: Path, elsewhere: Path) -> None:
    """What is no complete file of ops, in a drop folder."""
    text = usage_file("alone", 5)
    for name in (".hidden.csv", "~half.csv", "october.csv.part"):
        (folder / name).write_text(text)
    (elsewhere / "target.csv").write_text(text)
    (folder / "linked.csv").symlink_to(elsewhere / "target.csv")
    os.mkfifo(folder / "pipe.csv")
    (folder / "older").mkdir()
    (folder / "older" / "inside.csv").write_text(text)


@pytest.fixture(scope="module")
def scene(shared_work: Workplace) -> Iterator[Scene]:
    """Everything is dropped at once; each test waits for its own."""
    folder = shared_work.folder.drop / "api_usage"
    with Daemon(shared_work) as daemon, ThreadPoolExecutor(8) as pool:
        (folder.parent / "nobody_knows").mkdir()
        drop(shared_work, "lost.csv", usage_file("lost", 1), schema="nobody_knows")
        leave_alone(folder, shared_work.files)
        drop(shared_work, "plain.csv", usage_file("plain", 40))
        drop(shared_work, "bad.csv", bad_usage_file("bad", 20))

        def one_after_the_other(*files: tuple[str, str]) -> None:
            for name, text in files:
                before = outcome(shared_work, name)
                drop(shared_work, name, text)
                daemon.wait_until(
                    lambda name=name, before=before: outcome(shared_work, name) != before,  # type: ignore[misc]
                    SOON,
                    f"news of {name}",
                )

        people: dict[str, Callable[[], None]] = {
            "in pieces": lambda: in_pieces(folder / "pieces.csv", PIECES),
            "with a stall": lambda: with_a_stall(folder / "stall.csv", STALL),
            "in two visits": lambda: in_two_visits(folder / "visits.csv", VISITS),
            "same bytes": lambda: one_after_the_other(("first.csv", TWICE), ("second.csv", TWICE)),
            "same name": lambda: one_after_the_other(("name.csv", OLDER), ("name.csv", NEWER)),
            "mended": lambda: one_after_the_other(
                ("mended.csv", bad_usage_file("mended", 20)),
                ("mended.csv", usage_file("mended", 20)),
            ),
        }
        yield Scene(daemon, {name: pool.submit(work) for name, work in people.items()})


def test_a_dropped_file_counts_without_a_click(scene: Scene) -> None:
    scene.told("plain.csv")
    text = usage_file("plain", 40)
    assert values_of(scene.work, "api_calls", "--customer", "plain") == api_calls([text])
    assert values_of(scene.work, "peak_storage", "--customer", "plain") == peak_storage([text])


def test_the_note_says_that_a_file_is_ingested_and_with_how_many_lines(scene: Scene) -> None:
    note = scene.told("plain.csv")
    assert note.startswith("plain.csv: ingested. Its events count.\n")
    assert "Lines: 40, of which 40 valid and 0 invalid." in note
    assert f"Upload: {upload_named(scene.work, 'plain.csv').upload}" in note


def test_a_taken_file_has_left_the_folder(scene: Scene) -> None:
    scene.told("plain.csv")
    assert "plain.csv" not in lying_in(scene.work)


def test_a_taken_file_is_archived_byte_for_byte(scene: Scene) -> None:
    scene.told("plain.csv")
    upload = upload_named(scene.work, "plain.csv").upload
    assert scene.archived(upload) == usage_file("plain", 40).encode()


def test_a_run_is_tagged_with_its_upload_and_schema(scene: Scene) -> None:
    scene.told("plain.csv")
    upload = upload_named(scene.work, "plain.csv").upload
    with scene.daemon.instance() as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={"usage_pipeline/schema": "api_usage"}))
        made = instance.fetch_materializations(
            dg.AssetRecordsFilter(
                dg.AssetKey(["api_usage", "ingestion_table"]), asset_partitions=[upload]
            ),
            limit=1,
        )
    [run] = [run for run in runs if run.run_id == made.records[0].run_id]
    named = run.tags["usage_pipeline/upload"]
    assert named == upload or named.endswith(" more")


def test_a_bad_file_is_told_with_line_and_column(scene: Scene) -> None:
    note = scene.told("bad.csv")
    assert failed(scene.work, "bad.csv") == note
    assert note.startswith("bad.csv: failed. Nothing of it counts.\n")
    assert "line 3, column API Calls: " in note


def test_nothing_of_a_bad_file_counts(scene: Scene) -> None:
    scene.told("bad.csv")
    assert values_of(scene.work, "api_calls", "--customer", "bad") == {}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_is_no_complete_file_stays_where_it_is(scene: Scene, name: str) -> None:
    scene.told("plain.csv")
    assert name in lying_in(scene.work)
    assert uploads_named(scene.work, name) == []


def test_a_file_in_a_sub_folder_stays_there(scene: Scene) -> None:
    scene.told("plain.csv")
    assert (scene.work.folder.drop / "api_usage" / "older" / "inside.csv").exists()
    assert uploads_named(scene.work, "inside.csv") == []


@pytest.mark.parametrize(("name", "why"), LEFT_ALONE.items())
def test_the_tick_names_what_is_left_alone(scene: Scene, name: str, why: str) -> None:
    scene.daemon.wait_until(
        lambda: any(f"{name}: {why}" in words for words in scene.daemon.words_of("api_usage")),
        SOON,
        f"a tick that names {name}",
    )


def test_a_folder_of_no_schema_is_told_so(scene: Scene) -> None:
    note = scene.work.folder.drop / "nobody_knows" / "NOT-TAKEN.txt"
    scene.daemon.wait_until(note.exists, SOON, "NOT-TAKEN.txt")
    assert "no event schema 'nobody_knows'" in note.read_text()
    assert "lost.csv" in lying_in(scene.work, "nobody_knows")


def test_the_tick_names_a_folder_of_no_schema(scene: Scene) -> None:
    words = "drop/nobody_knows: there is no event schema of that name"
    scene.daemon.wait_until(
        lambda: any(words in said for said in scene.daemon.words_of("focus_usage")),
        SOON,
        "a tick that names the folder",
    )


def test_a_file_written_in_pieces_is_taken_once_and_whole(scene: Scene) -> None:
    scene.after("in pieces")
    scene.told("pieces.csv")
    scene.is_ingested_once_and_whole("pieces.csv", PIECES)


def test_a_file_closed_within_a_line_and_continued_is_taken_once_and_whole(scene: Scene) -> None:
    scene.after("in two visits")
    scene.told("visits.csv")
    scene.is_ingested_once_and_whole("visits.csv", VISITS)


def test_a_writer_may_rest_within_a_line_for_as_long_as_the_file_is_open(scene: Scene) -> None:
    scene.after("with a stall")
    scene.told("stall.csv")
    scene.is_ingested_once_and_whole("stall.csv", STALL)


def test_the_same_bytes_under_two_names_are_one_upload(scene: Scene) -> None:
    scene.after("same bytes")
    upload_named(scene.work, "first.csv")
    assert uploads_named(scene.work, "second.csv") == []


def test_a_repeat_is_told_as_one(scene: Scene) -> None:
    scene.after("same bytes")
    assert "The same bytes came before, as first.csv" in done(scene.work, "second.csv")


def test_a_repeat_counts_nothing_twice(scene: Scene) -> None:
    scene.after("same bytes")
    assert values_of(scene.work, "api_calls", "--customer", "twice") == api_calls([TWICE])


def test_one_name_with_two_contents_is_two_uploads_that_both_count(scene: Scene) -> None:
    scene.after("same name")
    states = [one.state for one in uploads_named(scene.work, "name.csv")]
    assert states == ["ingested", "ingested"]
    found = values_of(scene.work, "api_calls", "--customer", "named")
    assert found == api_calls([OLDER, NEWER])


def test_the_note_on_a_corrected_file_moves_to_done(scene: Scene) -> None:
    scene.after("mended")
    assert done(scene.work, "mended.csv").startswith("mended.csv: ingested.")
    assert failed(scene.work, "mended.csv") == ""


def test_nothing_complete_is_left_in_the_folder(scene: Scene) -> None:
    for person in scene.people:
        scene.after(person)
    for name in ("pieces.csv", "visits.csv", "stall.csv"):
        scene.told(name)
    assert lying_in(scene.work) == set(LEFT_ALONE)
