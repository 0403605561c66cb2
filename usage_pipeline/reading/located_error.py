"""What is wrong in a file, and where."""

from dataclasses import dataclass

CLIP = 200


@dataclass(frozen=True, slots=True)
class LocatedError:
    """One finding about a file, located as a person would look it up.

    `line` is the physical line on which the record starts, counted from 1 as an editor
    does. `column` is the header as written, `field` the schema's field, `value` the
    cell's text, clipped.
    """

    code: str
    message: str
    line: int | None = None
    column: str | None = None
    field: str | None = None
    value: str | None = None


class UnreadableFile(Exception):
    """The whole file is refused; `error` says where and why."""

    def __init__(self, error: LocatedError) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.error = error

    def __reduce__(self) -> tuple[type["UnreadableFile"], tuple[LocatedError]]:
        return type(self), (self.error,)


class FileChanged(RuntimeError):
    """Somebody writes to the file while it is read: nothing of it can be trusted."""


def clip(text: str, limit: int = CLIP) -> str:
    """`text` with at most `limit` characters; a cut is shown by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
