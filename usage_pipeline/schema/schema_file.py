"""From a `defs.yaml` to an event schema, with every mistake located by file and line.

Pydantic finds what one key says wrongly and `cross_check` what two keys say against each other;
both arrive here as (path of keys, message) and leave as `file:line: key: message`, the same for
`dg`, for the code location and for the command line.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from usage_pipeline.schema.cross_checks import cross_check
from usage_pipeline.schema.event_schema import (
    CsvOptions,
    CustomerList,
    EventSchema,
    FieldSpec,
)
from usage_pipeline.schema.metric_spec import MetricSpec, Rounding
from usage_pipeline.schema.parts import KeyPath

COMPONENT_TYPE = "usage_pipeline.components.UsageEvents"

_PARTS: dict[str, tuple[str, type[BaseModel]]] = {
    "fields": ("field", FieldSpec),
    "metrics": ("metric", MetricSpec),
}


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """One mistake in a schema file: where it is, and what is allowed there."""

    file: Path
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.message}"


class InvalidSchema(ValueError):
    """A schema file that cannot be used, with all its problems."""

    def __init__(self, problems: Sequence[SchemaProblem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, problems)))


def schemas_folder() -> Path:
    """The folder with one sub-folder per event schema; `USAGE_PIPELINE_DEFS` moves it."""
    moved = os.environ.get("USAGE_PIPELINE_DEFS")
    if moved and not Path(moved).is_dir():
        message = "USAGE_PIPELINE_DEFS names a folder that is not there"
        raise InvalidSchema([SchemaProblem(Path(moved), 1, "folder", message)])
    return Path(moved) if moved else Path(__file__).parents[1] / "defs"


def load_schemas(folder: Path | None = None) -> dict[str, EventSchema]:
    """All event schemas below `folder`, by name.

    Raises:
        InvalidSchema: when a file is wrong, or two files give the same name.
    """
    schemas: dict[str, EventSchema] = {}
    problems: list[SchemaProblem] = []
    for file in sorted((folder or schemas_folder()).glob("**/defs.yaml")):
        try:
            schema = load_schema(file)
        except InvalidSchema as error:
            problems += error.problems
            continue
        if schema is None:
            continue
        if schema.name in schemas:
            problems.append(
                SchemaProblem(_shown(file), 1, "attributes.name", f"'{schema.name}' is taken")
            )
        schemas[schema.name] = schema
    if problems:
        raise InvalidSchema(problems)
    return schemas


def load_schema(file: Path) -> EventSchema | None:
    """The event schema in `file`; None when the file describes another kind of component.

    Raises:
        InvalidSchema: naming file, line, key and what is allowed for every mistake.
    """
    document = _read(file)
    if not isinstance(document.value, dict) or document.value.get("type") != COMPONENT_TYPE:
        return None
    with document.locating():
        return parse_schema(document.value.get("attributes"), prefix=("attributes",))


def load_metrics(file: Path, schema: EventSchema) -> EventSchema:
    """The schema with the metrics of `file` in place of its own.

    The file holds what stands below `metrics:` in a `defs.yaml`, with that key or without it.

    Raises:
        InvalidSchema: naming file, line, key and what is allowed for every mistake.
    """
    document = _read(file)
    with document.locating():
        block = document.value
        if not isinstance(block, dict) or not block:
            raise _Problems([((), "no metric is described here; write name: {aggregation: …}")])
        within = block.get("metrics")
        # A metric may be called `metrics` itself.
        inside = set(block) == {"metrics"} and not (
            isinstance(within, dict) and "aggregation" in within
        )
        others = schema.model_dump(by_alias=True, exclude_unset=True, exclude={"metrics"})
        try:
            return parse_schema({**others, "metrics": block["metrics"] if inside else block})
        except _Problems as error:
            if inside:
                raise
            raise _Problems([(path[1:], message) for path, message in error.problems]) from None


def parse_schema(attributes: Any, prefix: KeyPath = ()) -> EventSchema:
    """Check plain values, as YAML gives them, and make the event schema of them.

    Raises:
        ValueError: with all problems, a line each.
    """
    if not isinstance(attributes, Mapping):
        raise _Problems([(prefix, "the keys of the schema are missing; name, fields, … go here")])
    try:
        schema = EventSchema.model_validate(attributes)
    except ValidationError as error:
        problems = [_in_words(detail, attributes) for detail in error.errors()]
        raise _Problems([((*prefix, *path), message) for path, message in problems]) from None
    problems = list(cross_check(schema))
    if problems:
        raise _Problems([((*prefix, *path), message) for path, message in problems])
    return schema


@dataclass(frozen=True, slots=True)
class _Document:
    """A YAML file, and where its keys are."""

    file: Path
    value: Any
    root: yaml.Node | None

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Give every problem in the block, and keys that are there twice, their line."""
        try:
            if repeated := list(_repeated_keys(self.root)):
                raise _Problems(repeated)
            yield
        except _Problems as error:
            lines = dict(_key_lines(self.root))
            problems = [
                SchemaProblem(_shown(self.file), _line_of(path, lines), _dotted(path), message)
                for path, message in error.problems
            ]
            raise InvalidSchema(sorted(problems, key=lambda one: one.line)) from None


def _read(file: Path) -> _Document:
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=_Loader)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader with less in it
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = f"not valid YAML: {error.problem or error}"
        raise InvalidSchema([SchemaProblem(_shown(file), line, "yaml", message)]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = f"not valid YAML in UTF-8: {error}"
        raise InvalidSchema([SchemaProblem(_shown(file), 1, "yaml", message)]) from None
    return _Document(file, value, root)


class _Loader(yaml.SafeLoader):
    """Fractions stay exact, and days stay text for the models to judge: an impossible one would
    end the loading without saying where.
    """


def _as_typed(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


def _exact(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal | float:
    try:
        return Decimal(node.value.replace("_", ""))
    except ArithmeticError:
        return float(loader.construct_yaml_float(node))  # .inf, .nan, 1:30.5


_Loader.add_constructor("tag:yaml.org,2002:float", _exact)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_typed)


class _Problems(ValueError):
    def __init__(self, problems: Sequence[tuple[KeyPath, str]]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{_dotted(path)}: {message}" for path, message in problems))


def _in_words(detail: Any, attributes: Mapping[str, Any]) -> tuple[KeyPath, str]:
    path = _yaml_path(detail["loc"], attributes)
    kind, given = detail["type"], detail["input"]
    key = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return path, _unknown_key(path)
    if kind == "missing":
        return path[:-1], f"the key '{key}' is missing"
    if kind in ("literal_error", "enum"):
        return path, f"{given!r} is not allowed here. Allowed: {detail['ctx']['expected']}"
    if kind == "string_type":
        return path, f"{given!r} is not a text; put it in quotes"
    if kind == "model_type":
        return path, f"{given!r} is no mapping; write keys here, as in {{key: value}}"
    if kind.startswith("date_"):
        return path, f"{given!r} is not a day; write one as 2024-01-31"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return path, f"{given!r}: {message}" if not isinstance(given, dict | list) else message


def _yaml_path(location: Sequence[str | int], attributes: Any) -> KeyPath:
    """Keep the steps that exist in the YAML: pydantic adds the names of union members."""
    path: list[str | int] = []
    for step in location:
        if isinstance(attributes, Mapping) and (step in attributes or not path or len(path) == 2):
            path.append(step)
            attributes = attributes.get(step)
        elif isinstance(attributes, list) and isinstance(step, int):
            path.append(step)
            attributes = attributes[step]
        elif isinstance(attributes, Mapping):
            path.append(step)
            attributes = None
    return tuple(path)


def _unknown_key(path: KeyPath) -> str:
    key, (part, model) = str(path[-1]), _part_at(path)
    allowed = [spec.alias or name for name, spec in model.model_fields.items()]
    near = difflib.get_close_matches(key, allowed, n=1)
    article = "" if part in ("customers", "round") else "a "
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"'{key}' is no key of {article}{part}.{hint} Allowed: {', '.join(allowed)}"


def _part_at(path: KeyPath) -> tuple[str, type[BaseModel]]:
    if len(path) == 2 and path[0] == "csv":
        return "csv", CsvOptions
    if len(path) == 2 and path[0] == "customers":
        return "customers", CustomerList
    if len(path) == 4 and path[2] == "round":
        return "round", Rounding
    if len(path) == 3 and path[0] in _PARTS:
        return _PARTS[str(path[0])]
    return "schema", EventSchema


def _key_lines(node: yaml.Node | None, path: KeyPath = ()) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key.start_mark.line + 1
            yield from _key_lines(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _key_lines(value, (*path, index))


def _repeated_keys(node: yaml.Node | None, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    # YAML loaders keep the last of two equal keys: a second `fields:` would drop the first unseen.
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield (*path, key.value), "the key is there twice; the first would be ignored"
            seen.add(key.value)
            yield from _repeated_keys(value, (*path, key.value))


def _line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _dotted(path: KeyPath) -> str:
    return "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" if index else str(step)
        for index, step in enumerate(path)
    )


def _shown(file: Path) -> Path:
    try:
        return file.resolve().relative_to(Path.cwd())
    except ValueError:
        return file
