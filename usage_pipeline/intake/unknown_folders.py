"""Folders below the drop folder that belong to no event schema: nobody watches them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from usage_pipeline.intake.drop_folder import NOT_TAKEN
from usage_pipeline.intake.identity import shown_name


def tell_unknown_folders(drop: Path, is_watched: Callable[[str], bool]) -> dict[str, str]:
    """Say it in each folder of `drop` that nobody watches; returns {what: why} for the tick.

    Raises:
        OSError: the drop folder cannot be read, or a word cannot be left.
    """
    left_alone = {}
    with os.scandir(drop) as entries:
        found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    for entry in found:
        if entry.name.startswith(".") or (is_watched(entry.name) and entry.is_dir()):
            continue
        shown = f"{drop.name}/{shown_name(entry.name)}"
        if entry.is_dir(follow_symlinks=False):
            left_alone[shown] = "there is no event schema of that name"
            _say_so(Path(entry.path))
        else:
            left_alone[shown] = "it lies beside the schemas' folders; drop it into one of them"
    return left_alone


def _say_so(folder: Path) -> None:
    name = shown_name(folder.name)
    # "x" makes the file or leaves what is there, also a link, which it does not follow.
    with suppress(FileExistsError), (folder / NOT_TAKEN).open("x", encoding="utf-8") as note:
        note.write(
            f"Nothing in this folder is taken: there is no event schema '{name}'.\n"
            "Move the files into the folder of their schema, beside this one,\n"
            "or have the schema described; then they are taken by themselves.\n"
        )
