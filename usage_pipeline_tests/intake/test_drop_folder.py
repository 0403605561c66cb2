"""What is complete in a drop folder, in which order, and what is left alone and why."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from usage_pipeline.intake.drop_folder import Contents, look_into
from usage_pipeline_tests.dropping import append, look_fast, rest


@pytest.fixture(autouse=True)
def _look_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    look_fast(monkeypatch)


def put(folder: Path, name: str, text: str = "a\n", *, rested: float = 60) -> Path:
    path = folder / name
    path.write_text(text)
    return rest(path, rested)


def complete(contents: Contents) -> list[str]:
    return [file.path.name for file in contents.complete]


def between_the_looks(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    monkeypatch.setattr("usage_pipeline.intake.drop_folder.time.sleep", lambda _: act())


@contextmanager
def held_open(path: Path, mode: str) -> Iterator[None]:
    """Another program has the file open."""
    code = "import sys; f = open(sys.argv[1], sys.argv[2]); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, path, mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        yield
        program.communicate(b"\n")


@contextmanager
def as_an_ordinary_user() -> Iterator[None]:
    """Root may read everything."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(mine)


class TestOrder:
    def test_files_come_in_the_order_in_which_they_were_written(self, tmp_path: Path) -> None:
        for name, rested in (("a.csv", 20), ("b.csv", 40), ("c.csv", 30)):
            put(tmp_path, name, rested=rested)
        assert complete(look_into(tmp_path)) == ["b.csv", "c.csv", "a.csv"]

    def test_files_of_the_same_instant_come_by_name(self, tmp_path: Path) -> None:
        for name in ("b.csv", "c.csv", "a.csv"):
            os.utime(put(tmp_path, name), ns=(0, 1))
        assert complete(look_into(tmp_path)) == ["a.csv", "b.csv", "c.csv"]

    def test_one_nanosecond_makes_an_order(self, tmp_path: Path) -> None:
        moment = 1_700_000_000_123_456_789
        for number, name in enumerate(("c.csv", "b.csv", "a.csv")):
            os.utime(put(tmp_path, name), ns=(0, moment + number))
        assert complete(look_into(tmp_path)) == ["c.csv", "b.csv", "a.csv"]

    def test_a_file_that_is_not_complete_holds_up_no_other(self, tmp_path: Path) -> None:
        put(tmp_path, "first.csv", "cut", rested=5)
        put(tmp_path, "second.csv", rested=4)
        assert complete(look_into(tmp_path)) == ["second.csv"]


class TestRest:
    @pytest.mark.parametrize("rested", [0, 1, 1.8])
    def test_a_file_written_less_than_two_seconds_ago_is_left(
        self, tmp_path: Path, rested: float
    ) -> None:
        put(tmp_path, "a.csv", rested=rested)
        contents = look_into(tmp_path)
        assert complete(contents) == []
        assert contents.left_alone == {"a.csv": "it was written a moment ago"}

    @pytest.mark.parametrize("rested", [2.1, 60, 10 * 365 * 86400])
    def test_a_file_that_has_rested_is_taken_at_once(self, tmp_path: Path, rested: float) -> None:
        put(tmp_path, "a.csv", rested=rested)
        assert complete(look_into(tmp_path)) == ["a.csv"]

    def test_a_file_copied_with_its_old_date_is_taken_at_once(self, tmp_path: Path) -> None:
        os.utime(put(tmp_path, "a.csv"), (0, 0))
        assert complete(look_into(tmp_path)) == ["a.csv"]

    def test_a_file_dated_by_a_clock_ahead_of_ours_is_taken_once_we_saw_it_rest(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paused: list[float] = []
        monkeypatch.setattr("usage_pipeline.intake.drop_folder.time.sleep", paused.append)
        put(tmp_path, "a.csv", rested=-3600)
        assert complete(look_into(tmp_path)) == ["a.csv"]
        assert paused == [2.0]

    def test_a_file_dated_by_a_clock_ahead_of_ours_that_grows_is_left(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        growing = put(tmp_path, "a.csv", rested=-3600)

        def grow() -> None:
            append(growing, "more\n")
            rest(growing, -3600)

        between_the_looks(monkeypatch, grow)
        assert look_into(tmp_path).left_alone == {"a.csv": "it is being written"}

    @pytest.mark.parametrize("text", ["a\nb", "a,1", "\ufeffa"])
    def test_a_file_that_ends_within_a_line_is_left_until_it_has_rested_for_ten_seconds(
        self, tmp_path: Path, text: str
    ) -> None:
        put(tmp_path, "young.csv", text, rested=9)
        put(tmp_path, "old.csv", text, rested=11)
        contents = look_into(tmp_path)
        assert complete(contents) == ["old.csv"]
        assert contents.left_alone == {
            "young.csv": "it ends within a line; taken when it has rested for 10 s"
        }

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_a_file_that_ends_with_a_line_need_not_wait(
        self, tmp_path: Path, end: str, encoding: str
    ) -> None:
        put(tmp_path, "a.csv", rested=3).write_bytes(f"a{end}".encode(encoding))
        rest(tmp_path / "a.csv", 3)
        assert complete(look_into(tmp_path)) == ["a.csv"]

    def test_an_empty_file_may_be_one_that_was_only_just_begun(self, tmp_path: Path) -> None:
        put(tmp_path, "young.csv", "", rested=9)
        put(tmp_path, "old.csv", "", rested=11)
        assert complete(look_into(tmp_path)) == ["old.csv"]


class TestWriters:
    @pytest.mark.parametrize("mode", ["a", "r+"])
    def test_a_file_that_a_program_has_open_for_writing_is_left_however_long_it_rests(
        self, tmp_path: Path, mode: str
    ) -> None:
        path = put(tmp_path, "a.csv")
        with held_open(path, mode):
            contents = look_into(tmp_path)
        assert complete(contents) == []
        assert contents.left_alone == {"a.csv": "a program still has it open for writing"}

    def test_it_is_taken_once_the_program_has_closed_it(self, tmp_path: Path) -> None:
        path = put(tmp_path, "a.csv")
        with held_open(path, "a"):
            look_into(tmp_path)
        assert complete(look_into(tmp_path)) == ["a.csv"]

    def test_a_file_that_a_program_reads_is_taken(self, tmp_path: Path) -> None:
        path = put(tmp_path, "a.csv")
        with held_open(path, "r"):
            assert complete(look_into(tmp_path)) == ["a.csv"]

    def test_looking_leaves_nothing_behind_that_would_hold_up_a_writer(
        self, tmp_path: Path
    ) -> None:
        path = put(tmp_path, "a.csv")
        look_into(tmp_path)
        with held_open(path, "a"):
            pass


class TestChangesBetweenTheLooks:
    def test_a_file_that_grows_is_left(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put(tmp_path, "a.csv")
        between_the_looks(monkeypatch, lambda: append(path, "b\n"))
        assert look_into(tmp_path).left_alone == {"a.csv": "it is being written"}

    def test_a_file_that_is_written_anew_at_the_same_length_is_left(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put(tmp_path, "a.csv")
        between_the_looks(monkeypatch, lambda: path.write_text("b\n"))
        assert look_into(tmp_path).left_alone == {"a.csv": "it is being written"}

    def test_a_file_that_another_replaces_is_left(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder := tmp_path / "drop").mkdir()
        path = put(folder, "a.csv")
        new = put(tmp_path, "new.csv", "b\n")
        os.utime(new, ns=(0, path.stat().st_mtime_ns))
        between_the_looks(monkeypatch, lambda: new.replace(path))
        assert look_into(folder).left_alone == {"a.csv": "it is being written"}

    def test_a_file_that_is_taken_away_is_no_news(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put(tmp_path, "a.csv")
        between_the_looks(monkeypatch, path.unlink)
        assert look_into(tmp_path) == Contents()

    def test_a_pipe_in_its_place_blocks_nobody(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put(tmp_path, "a.csv")

        def become_a_pipe() -> None:
            path.unlink()
            os.mkfifo(path)

        between_the_looks(monkeypatch, become_a_pipe)
        contents = look_into(tmp_path)
        assert complete(contents) == []
        assert list(contents.left_alone) == ["a.csv"]

    def test_a_link_in_its_place_is_not_followed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder := tmp_path / "drop").mkdir()
        path = put(folder, "a.csv")

        def become_a_link() -> None:
            path.symlink_to(path.rename(tmp_path / "secret.csv"))

        between_the_looks(monkeypatch, become_a_link)
        contents = look_into(folder)
        assert complete(contents) == []
        assert list(contents.left_alone) == ["a.csv"]


class TestLeftAlone:
    @pytest.mark.parametrize(
        "name",
        [
            ".a.csv",
            "~a.csv",
            "#a.csv",
            "a.csv~",
            "#a.csv#",
            "~$a.csv",
            ".~lock.a.csv#",
            ".nfs000000001",
            *(
                f"a.csv.{ending}"
                for ending in (
                    "tmp",
                    "temp",
                    "part",
                    "partial",
                    "filepart",
                    "crdownload",
                    "download",
                    "swp",
                    "lock",
                    "writing",
                    "uploading",
                    "inprogress",
                    "incomplete",
                    "TMP",
                    "Part",
                )
            ),
        ],
    )
    def test_hidden_and_temporary_names(self, tmp_path: Path, name: str) -> None:
        put(tmp_path, name)
        contents = look_into(tmp_path)
        assert complete(contents) == []
        assert contents.left_alone == {name: "its name is hidden or temporary"}

    @pytest.mark.parametrize(
        "name", ["part.csv", "a.tmp.csv", "lock", "temporary.csv", "a.part1", "a~b.csv", "a#1.csv"]
    )
    def test_a_name_that_only_looks_a_little_like_it_is_taken(
        self, tmp_path: Path, name: str
    ) -> None:
        put(tmp_path, name)
        assert complete(look_into(tmp_path)) == [name]

    def test_a_symbolic_link(self, tmp_path: Path) -> None:
        (folder := tmp_path / "drop").mkdir()
        (folder / "a.csv").symlink_to(put(tmp_path, "secret.csv"))
        assert look_into(folder) == Contents([], {"a.csv": "it is a symbolic link"})

    def test_a_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.csv")
        assert look_into(tmp_path) == Contents([], {"a.csv": "it is a pipe"})

    def test_a_socket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # The path of a socket may not be long; its name alone is not.
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("a.csv")
            assert look_into(tmp_path) == Contents([], {"a.csv": "it is a socket"})

    def test_a_folder_and_what_is_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "october.csv").mkdir()
        put(tmp_path / "october.csv", "a.csv")
        assert look_into(tmp_path) == Contents([], {"october.csv": "it is a folder"})


def test_what_the_pipeline_itself_keeps_there_is_not_mentioned(tmp_path: Path) -> None:
    for name in ("done", "failed", ".taking"):
        (tmp_path / name).mkdir()
        put(tmp_path / name, "a.csv")
    for name in ("NOT-TAKEN.txt", ".gitkeep"):
        put(tmp_path, name)
    assert look_into(tmp_path) == Contents()


def test_a_name_that_is_not_utf8_is_taken(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    put(tmp_path, name)
    assert complete(look_into(tmp_path)) == [name]


def test_a_name_that_is_not_utf8_is_told_as_text(tmp_path: Path) -> None:
    put(tmp_path, os.fsdecode(b"caf\xe9.csv.tmp"))
    assert list(look_into(tmp_path).left_alone) == ["caf\\xe9.csv.tmp"]


def test_an_empty_folder_costs_no_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    between_the_looks(monkeypatch, lambda: pytest.fail("there was nothing to look at twice"))
    assert look_into(tmp_path) == Contents()


def test_the_look_is_that_of_the_file(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "abc\n")
    [file] = look_into(tmp_path).complete
    status = path.stat()
    assert tuple(file.look) == (status.st_ino, 4, status.st_mtime_ns)


class TestUnreadable:
    def test_a_folder_that_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            look_into(tmp_path / "missing")

    def test_a_file_in_the_folders_place(self, tmp_path: Path) -> None:
        with pytest.raises(NotADirectoryError):
            look_into(put(tmp_path, "drop"))

    def test_a_folder_that_may_not_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tmp_path.chmod(0o755)
        monkeypatch.chdir(tmp_path)
        Path("drop").mkdir(mode=0)
        with as_an_ordinary_user(), pytest.raises(PermissionError):
            look_into(Path("drop"))

    def test_a_file_that_may_not_be_read_stops_none_of_the_others(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tmp_path.chmod(0o755)
        monkeypatch.chdir(tmp_path)
        put(Path(), "mine.csv").chmod(0)
        put(Path(), "ours.csv").chmod(0o644)
        with as_an_ordinary_user():
            contents = look_into(Path())
        assert complete(contents) == ["ours.csv"]
        assert contents.left_alone == {"mine.csv": "it cannot be read: Permission denied"}
