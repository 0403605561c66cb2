"""From the drop folder into the archive: no file is lost on the way, or taken twice.

The order of what is durable: the bytes in the archive, then the register's word that they came,
then the file leaves the folder. A crash between leaves a file that the register recognises by its
look, or one it knows nothing of, which is taken as if for the first time.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from usage_pipeline.intake.archive import Archive, NotAFile, TooLarge
from usage_pipeline.intake.drop_folder import FAILED, TAKING, DroppedFile, look_into
from usage_pipeline.intake.identity import shown_name
from usage_pipeline.intake.look import Look
from usage_pipeline.intake.notes import write_note
from usage_pipeline.intake.receive import receive_file
from usage_pipeline.register import Receipt, Register
from usage_pipeline.register.drops import Drop
from usage_pipeline.schema import EventSchema

BY = "the drop folder"

#: Larger files are copied in a run of their own: a tick that takes long is ended from outside.
LARGE = 64 << 20


#: What is done with large files: take them too, wait (files are received in their order, so none
#: behind a large one is taken before it), or pass them over.
Large = Literal["take", "wait", "pass over"]


@dataclass(slots=True)
class Taken:
    """What became of the files in a drop folder.

    left_alone: {name: why}. large: names of files that were too large for this time.
    waiting: how many more lie there, complete, for the next time.
    """

    receipts: list[Receipt] = field(default_factory=list)
    left_alone: dict[str, str] = field(default_factory=dict)
    large: list[str] = field(default_factory=list)
    waiting: int = 0


class TakenElsewhere(RuntimeError):
    """Another process takes files from the folder at this moment."""


def take_dropped(
    folder: Path,
    schema: EventSchema,
    archive: Archive,
    register: Register,
    *,
    most: int,
    seconds: float,
    large: Large,
    wait: float = 0,
) -> Taken:
    """Archive and register what is complete in `folder`, in order; then it leaves the folder.

    `most` files and `seconds` are where it stops; the next time goes on. `wait` is how many
    seconds somebody else may still be at it.

    Raises:
        TakenElsewhere: somebody else is at it.
        OSError: the folder cannot be read, or the archive not written.
    """
    with _alone(archive, schema, wait):
        archive.sweep()
        _finish_what_a_crash_left(folder, schema, register)
        contents = look_into(folder, most)
        taken = Taken(left_alone=contents.left_alone, waiting=contents.waiting)
        end = time.monotonic() + seconds
        for number, file in enumerate(contents.complete):
            if reason := schema.csv.too_large(file.look.size):
                _keep_out(file, reason, taken)
                continue
            if file.look.size > LARGE and large != "take":
                taken.large.append(shown_name(file.path.name))
                if large == "pass over":
                    continue
            out_of_time = taken.receipts and time.monotonic() > end
            if out_of_time or (taken.large and large == "wait"):
                taken.waiting += len(contents.complete) - number
                break
            _take(file, schema, archive, register, taken)
        _let_go(folder, schema, register)
        return taken


@contextmanager
def _alone(archive: Archive, schema: EventSchema, wait: float) -> Iterator[None]:
    locks = archive.folder.warehouse.parent
    locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(locks / f"drop-{schema.name}.lock", timeout=wait):
            yield
    except Timeout:
        raise TakenElsewhere(f"files for {schema.name} are being taken by another run") from None


def _take(
    file: DroppedFile, schema: EventSchema, archive: Archive, register: Register, taken: Taken
) -> None:
    try:
        receipt = receive_file(file.path, schema, archive, register, BY, look=file.look)
    except (NotAFile, TooLarge) as error:
        taken.left_alone[shown_name(file.path.name)] = str(error)
    else:
        taken.receipts.append(receipt)


def _keep_out(file: DroppedFile, reason: str, taken: Taken) -> None:
    """Move a file that may not be taken to `failed/`, with its reason beside it."""
    folder, name = file.path.parent, shown_name(file.path.name)
    lines = [
        f"{name}: not taken. Nothing of it counts.",
        reason,
        "What to do: drop it again when that is mended. Until then it is kept beside this note.",
    ]
    # The note comes first: after a crash between, the next look finds the file where it was.
    write_note(folder, name, lines, failed=True)
    aside = _aside(folder)
    aside.mkdir(exist_ok=True)
    try:
        _link_anew(file.path, folder / FAILED)
        _remove(file.path, aside, {(name, str(file.look))})
    except FileNotFoundError:
        pass  # whoever put it there took it away again
    finally:
        aside.rmdir()
    taken.left_alone[name] = f"moved to {FAILED}/: {reason}"


def _link_anew(path: Path, folder: Path) -> None:
    # A note ends in .txt and replaces what bears its name, so no file that is kept may end so.
    other = folder / f"{path.name[:60]}-{uuid.uuid4().hex[:8]}.kept"
    try:
        if path.suffix != ".txt":
            with suppress(FileExistsError):
                (folder / path.name).hardlink_to(path)
                return
        other.hardlink_to(path)
    except FileNotFoundError:
        raise
    except OSError:
        # A file system without links: moved, under a name that nobody has.
        path.rename(other)


def _finish_what_a_crash_left(folder: Path, schema: EventSchema, register: Register) -> None:
    aside = _aside(folder)
    if aside.exists():
        known = _known(register.drops.may_lie_there(schema.name))
        for path in aside.iterdir():
            if _seen(path) in known:
                path.unlink()
            else:
                _put_back(path, folder)
        aside.rmdir()
    _let_go(folder, schema, register)


def _let_go(folder: Path, schema: EventSchema, register: Register) -> None:
    """Remove the files that are received, and note that they are gone."""
    drops = register.drops.may_lie_there(schema.name)
    if not drops:
        return
    known = _known(drops)
    aside = _aside(folder)
    aside.mkdir(exist_ok=True)
    with os.scandir(folder) as entries:
        received = [Path(entry.path) for entry in entries if _seen(Path(entry.path)) in known]
    for path in received:
        _remove(path, aside, known)
    aside.rmdir()
    register.drops.gone([drop.id for drop in drops])


def _aside(folder: Path) -> Path:
    aside = folder / TAKING
    if aside.is_symlink():
        # Through a link we would move, and remove, files of somebody else's.
        raise NotADirectoryError(f"{aside} is a symbolic link; remove it")
    return aside


def _known(drops: Iterable[Drop]) -> set[tuple[str, str | None]]:
    return {(drop.file_name, drop.look) for drop in drops}


def _seen(path: Path) -> tuple[str, str] | None:
    try:
        return shown_name(path.name), str(Look.at(path))
    except FileNotFoundError:
        return None


def _remove(path: Path, aside: Path, known: set[tuple[str, str | None]]) -> None:
    """Unlink a file unless it is another one by now: whoever drops again may rename over it."""
    held = aside / path.name
    try:
        path.rename(held)
    except FileNotFoundError:
        return
    if _seen(held) in known:
        held.unlink()
    else:
        _put_back(held, path.parent)


def _put_back(held: Path, folder: Path) -> None:
    # A link never replaces a file that came meanwhile, as a rename would.
    try:
        (folder / held.name).hardlink_to(held)
    except FileExistsError:
        (folder / f"{held.stem}-{uuid.uuid4().hex[:8]}{held.suffix}").hardlink_to(held)
    held.unlink()
