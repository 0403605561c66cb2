"""Many commands at once on one data folder: all of them end well, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from usage_pipeline_tests.cli.undoing import calls_of, calls_per_day, row, taken_in, void
from usage_pipeline_tests.workplace import Workplace

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("usage-pipeline")
#: How long any of them may take before it counts as stuck.
PATIENCE = 240

Command = tuple[str, ...]


def launch(command: Command) -> subprocess.Popen[str]:
    """The real program, in a process of its own."""
    return subprocess.Popen(
        [PROGRAM, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def all_at_once(*commands: Command) -> list[tuple[Command, int, str, str]]:
    """(command, exit code, output, remarks) of programs that all run at the same time."""
    running = [(command, launch(command)) for command in commands]
    try:
        ended = []
        for command, process in running:
            out, err = process.communicate(timeout=PATIENCE)
            ended.append((command, process.returncode, out, err))
        return ended
    finally:
        for _, process in running:
            process.kill()
            process.wait()


def assert_quiet(command: Command, out: str, err: str) -> None:
    """No mistake of ours and no lock of an engine came to light."""
    for word in ("Traceback", "lock", "Error"):
        assert word not in out + err, (command, out, err)


def ingest(*files: Path) -> Command:
    return "ingest", *map(str, files), "--schema", "api_usage", "--format", "json"


def undo(command: str, upload: str) -> Command:
    return command, upload, "--by", "rita", "--reason", "why", "--format", "json"


EVENTS = ("events", "--schema", "api_usage", "--format", "json")
METRICS = ("metrics", "api_calls", "--format", "json")
VERIFY = ("verify", "--format", "json")


def test_commands_of_many_people_all_end_well_and_nothing_is_lost(work: Workplace) -> None:
    out_first = taken_in(work, "out.csv", row("out", 1))
    in_first = taken_in(work, "in.csv", row("in", 2))
    void(work, out_first)
    files = [
        work.api_file(f"f{number}.csv", *(row(f"e{number}-{n}", 10) for n in range(20)))
        for number in range(4)
    ]
    to = work.files / "export"
    ended = all_at_once(
        ingest(files[0]),
        undo("void", in_first),
        EVENTS,
        ingest(files[1], files[2]),
        METRICS,
        undo("restore", out_first),
        ("export", "--to", str(to), "--format", "json"),
        ingest(files[3]),
        ("rebuild", "--schema", "api_usage", "--format", "json"),
        VERIFY,
    )
    for command, code, out, err in ended:
        assert_quiet(command, out, err)
        # What others are about to do may make `verify` say that the ledger has yet to follow.
        assert code == 0 or (command == VERIFY and code == 1), (command, code, out, err)
        json.loads(out)
    proven = work.run("verify", "--rebuild")
    assert proven.exit_code == 0, proven.out
    assert calls_of(work) == {"out": 1} | {f"e{f}-{n}": 10 for f in range(4) for n in range(20)}
    assert calls_per_day(work) == {"2024-10-01": 801}
    assert {one.state for one in work.register.uploads() if one.upload != in_first} == {"ingested"}
    assert work.upload(in_first).state == "voided"


def test_of_commands_that_contradict_each_other_one_wins_and_the_others_say_so(
    work: Workplace,
) -> None:
    upload = taken_in(work, "a.csv", row("e1"))
    ended = all_at_once(*[undo("void", upload)] * 3)
    for command, _, out, err in ended:
        assert_quiet(command, out, err)
    assert sorted(code for _, code, _, _ in ended) == [0, 1, 1]
    assert sum("usage-pipeline restore" in err for _, _, _, err in ended) == 2
    told = [one["action"] for one in work.listing("history", upload)]
    assert told.count("void") == 1
    assert calls_of(work) == {}
    assert work.run("verify", "--rebuild").exit_code == 0


def test_the_same_file_by_many_at_once_is_one_upload(work: Workplace) -> None:
    file = work.api_file("a.csv", *(row(f"e{n}") for n in range(20)))
    ended = all_at_once(*[ingest(file)] * 3)
    for command, code, out, err in ended:
        assert_quiet(command, out, err)
        assert code == 0, (code, out, err)
    [upload] = work.listing("uploads")
    assert (upload["state"], upload["ingested"], upload["duplicates"]) == ("ingested", 20, 0)
    assert len(calls_of(work)) == 20
    assert work.run("verify", "--rebuild").exit_code == 0


class TestWhileSomebodyHoldsTheWarehouse:
    def test_each_command_gives_up_in_time_and_names_the_process(
        self,
        work: Workplace,
        holder: subprocess.Popen[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("USAGE_PIPELINE_LOCK_WAIT", "1")
        file = work.api_file("a.csv", row("e1"))
        to = str(work.files / "export")
        for command, code, out, err in all_at_once(
            ingest(file), EVENTS, METRICS, VERIFY, ("export", "--to", to)
        ):
            assert code == 3, (command, code, out, err)
            assert f"in use by process {holder.pid} (" in err
            assert "Traceback" not in err
        assert work.listing("uploads") == []

    def test_a_void_that_gives_up_has_decided_nothing(
        self, work: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = taken_in(work, "a.csv", row("e1"))
        monkeypatch.setenv("USAGE_PIPELINE_LOCK_WAIT", "1")
        with work.flow().warehouse.open():
            [(_, code, _, err)] = all_at_once(undo("void", upload))
        assert code == 3
        assert "in use by process" in err
        assert work.upload(upload).state == "ingested"

    def test_a_command_waits_for_its_turn(
        self, work: Workplace, holder: subprocess.Popen[str]
    ) -> None:
        waiting = launch(ingest(work.api_file("a.csv", row("e1"))))
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.communicate(timeout=6)
            holder.kill()
            out, err = waiting.communicate(timeout=PATIENCE)
        finally:
            waiting.kill()
            waiting.wait()
        assert waiting.returncode == 0, err
        assert [one["state"] for one in json.loads(out)] == ["ingested"]
