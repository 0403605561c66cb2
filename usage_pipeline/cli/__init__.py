"""The command line."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress

#: New objects until Python looks for circles of them that nobody needs; by itself, 700.
_OBJECTS_TO_LOOK = 50_000


def program() -> None:
    """`main` as a process of its own, which is soon over and does without Python's tidying up.

    Looking for garbage takes half as long as importing Dagster does, and freeing every object at
    the end as long again.
    """
    gc.set_threshold(_OBJECTS_TO_LOOK)
    code: int | None = None

    def end() -> None:
        # What cannot be written is told by Python, which then ends as it always does.
        with suppress(OSError, ValueError):
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:  # closed by whoever called
                    stream.flush()
            if code is not None:
                os._exit(code)

    # What is registered first is called last: by then threads are joined and files are removed.
    atexit.register(end)
    try:
        main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else None
        raise


def main() -> None:
    """Run a command; whatever a user did wrong ends in a plain message and an exit code."""
    from usage_pipeline.cli.app import app

    try:
        app()
    except Exception as error:
        # To know every error of ours, it imports all that raises them.
        from usage_pipeline.cli.exit_code import exit_code_of

        code, message = exit_code_of(error)
        print(message, file=sys.stderr)  # noqa: T201
        sys.exit(code)
