"""A command whose module is imported when it is called: what commands need takes long to load."""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command


class LateCommand(TyperCommand):
    """Stands for a command until it is called; has its help, and none of its parameters.

    Args:
        function: the one that does it, as `module.function` of this package.
    """

    def __init__(self, name: str, function: str) -> None:
        self._module, self._function = function.split(".")
        super().__init__(name, help=_docstrings(self._module)[self._function])

    def loaded(self) -> Any:
        """The command itself, with its parameters."""
        module = import_module(f"{__package__}.{self._module}")
        app = typer.Typer(add_completion=False)
        app.command(self.name)(getattr(module, self._function))
        return get_command(app)

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read what was typed; from here on the command itself does everything."""
        return self.loaded().make_context(*arguments, **options)


@cache
def _docstrings(module: str) -> dict[str, str | None]:
    """{function: its docstring}, read from the text of a module of this package."""
    text = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
    functions = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))
    return {function.name: ast.get_docstring(function) for function in functions}
