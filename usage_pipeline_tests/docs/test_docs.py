"""The reference pages name what the code has, and nothing that it has not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from usage_pipeline.cli.app import app
from usage_pipeline.data_folder import PROJECT
from usage_pipeline.register.states import STATES
from usage_pipeline.schema import (
    CsvOptions,
    CustomerList,
    EventSchema,
    FieldSpec,
    MetricSpec,
    load_schema,
)
from usage_pipeline.schema.cross_checks import RESERVED_FIELDS, RESERVED_SCHEMAS
from usage_pipeline.schema.metric_checks import RESERVED_GROUPS, RESERVED_METRICS
from usage_pipeline.schema.metric_spec import Rounding
from usage_pipeline.validation.codes import CODES, check_of

DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", *sorted(DOCS.glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(name: str, heading: str) -> str:
    """The text below a heading of the second level, up to the next one."""
    return page(name).split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)


def anchor(heading: str) -> str:
    """The anchor that a Markdown page gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("Keys of the schema", EventSchema),
        ("Keys of a field", FieldSpec),
        ("Keys of csv", CsvOptions),
        ("Keys of customers", CustomerList),
        ("Keys of a metric", MetricSpec),
        ("Keys of round", Rounding),
    ],
)
def test_schema_page_has_a_row_for_every_key(heading: str, model: type[BaseModel]) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("schema.md", heading), re.MULTILINE)
    assert rows == [field.alias or name for name, field in model.model_fields.items()]


def test_schema_page_names_every_reserved_name() -> None:
    reserved = section("schema.md", "Reserved names")
    for names in (RESERVED_FIELDS, RESERVED_GROUPS, RESERVED_METRICS, RESERVED_SCHEMAS):
        assert [name for name in names if f"`{name}`" not in reserved] == []


def test_every_whole_schema_on_the_page_loads(tmp_path: Path) -> None:
    whole = [
        text
        for language, text in _FENCE.findall(page("schema.md"))
        if language == "yaml" and text.startswith("type:")
    ]
    assert whole
    for text in whole:
        file = tmp_path / "defs.yaml"
        file.write_text(text, encoding="utf-8")
        assert load_schema(file) is not None


def test_error_page_has_a_row_for_every_code_and_no_other() -> None:
    rows = re.findall(
        r"^\| `([\w-]+)` \| (\w+).*? \| (\w+) \|", page("error-codes.md"), re.MULTILINE
    )
    table = [row for row in rows if row[2] in ("error", "warning")]
    assert table == [
        (code, check_of(code), "warning" if entry.warning else "error")
        for code, entry in CODES.items()
    ]


def test_command_page_has_a_section_for_every_command_with_its_options() -> None:
    command = get_command(app)
    commands = getattr(command, "commands", {})
    text = page("command-line.md")
    assert [one for one in headings(text) if one in commands] == list(commands)
    for name, one in commands.items():
        usage = section("command-line.md", name)
        options = {option for parameter in one.loaded().params for option in parameter.opts}
        missing = [o for o in options if o.startswith("--") and o != "--help" and o not in usage]
        assert missing == [], name


def test_flow_page_has_every_state() -> None:
    text = section("how-it-works.md", "The states of an upload")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(STATES)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_relative_links_resolve(path: Path) -> None:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", link):
            continue
        target, _, fragment = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        if not file.exists():
            broken.append(link)
        elif fragment and file.suffix == ".md":
            anchors = map(anchor, headings(file.read_text(encoding="utf-8")))
            broken += [] if fragment in anchors else [link]
    assert broken == []
