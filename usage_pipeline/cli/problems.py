"""What a command has to say against what was asked, and the exit codes that say whose matter it is.

0 done, 1 the data is refused, 2 wrong use, 3 the machine (lock, disk).
"""

from __future__ import annotations

DONE, REFUSED, WRONG_USE, MACHINE = 0, 1, 2, 3


class NotComputed(RuntimeError):
    """Values that are not there yet; an empty listing would say that nothing was used."""


class WrongUse(ValueError):
    """The command was called with something that cannot be meant; each argument is a line."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))
