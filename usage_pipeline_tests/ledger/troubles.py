"""Troubles that a machine can have with its disk, made for real; they end with the block."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from usage_pipeline_tests.workplace import Outcome

#: The command, in a process that cannot make any file larger than its first argument. Half a
#: compiled module would outlast the test.
LIMITED = """
import resource, sys
from usage_pipeline.cli import main
sys.dont_write_bytecode = True
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
main()
"""


def command(*arguments: str | Path, limit: int) -> Outcome:
    """`usage-pipeline` in a process of its own that writes so many bytes to a file at most."""
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Outcome(ended.returncode, ended.stdout, ended.stderr)


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A file system of its own on a folder, in memory; skips where this may not be."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", folder)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def full_but_for(folder: Path, free: int) -> Iterator[None]:
    """The file system of a folder is full but for so many bytes."""
    ballast = folder / "ballast"
    known = os.statvfs(folder)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, known.f_bavail * known.f_frsize - free)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be written in a file system that `mounted` made."""
    _mount("-o", "remount,ro", folder)
    try:
        yield
    finally:
        _mount("-o", "remount,rw", folder)


@contextmanager
def in_the_way(folder: Path) -> Iterator[None]:
    """A file is where an empty folder should be."""
    folder.rmdir()
    folder.write_text("in the way")
    try:
        yield
    finally:
        folder.unlink()


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
