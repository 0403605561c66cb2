"""The command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command; whatever a user did wrong ends in a plain message and an exit code."""
    from usage_pipeline.cli.app import app
    from usage_pipeline.cli.problems import exit_code_of

    try:
        app()
    except Exception as error:
        code, message = exit_code_of(error)
        print(message, file=sys.stderr)  # noqa: T201
        sys.exit(code)
