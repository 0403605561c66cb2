"""The command line."""

from __future__ import annotations

import sys


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
