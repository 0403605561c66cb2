"""Whatever headers and cells say, the draft says the same of them and nothing else happens."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.suggest.yaml_text import WIDTH, comment, scalar
from usage_pipeline_tests.suggest.drafting import (
    HEADER,
    checked,
    commented,
    csv_text,
    draft_of,
    field_of,
    rows_of,
    usage_text,
)
from usage_pipeline_tests.workplace import Workplace

HOSTILE = (
    *('say "hi"', "it's", "key: value", "two\nlines", "# no comment", "tail # comment", "a, b"),
    *("{{ env.HOME }}", "{% raw %}", "${HOME}", "yes", "Null", "~", "n", "1e5", "0x1F", "=", "<<"),
    *("- item", "? key", "&anchor", "*alias", "!!python/object", "%TAG", "@at", "`tick`", "|", ">"),
    *(
        "[list]",
        "{map}",
        "back\\slash",
        "tab\there",
        "\x07bell",
        "\x7f",
        "\x85",
        "\u2028",
        "\ufeffx",
    ),
    *("\u202etfel", "日本語", "😀", "[red]markup[/red]", "=cmd()", "2024-01-01", "...", "---"),
)


#: Without those that make a header no header: it is blank, or looks like data.
HEADERS = tuple(text for text in HOSTILE if text.strip() and text not in ("1e5", "2024-01-01"))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_reads_as_itself(text: str) -> None:
    assert yaml.safe_load(f"key: [{scalar(text)}]  # said\n") == {"key": [text]}


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_reads_as_itself(text: str) -> None:
    assert yaml.safe_load(f"{{{scalar(text)}: [{scalar(text)}]}}") == {text: [text]}


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_a_comment_stays_one_whatever_it_quotes(text: str) -> None:
    lines = list(comment(f"of {text}", 4))
    assert yaml.safe_load("\n".join([*lines, "a: 1", *lines]) + "\n") == {"a": 1}
    assert all(line.startswith("    # ") for line in lines)


def test_a_comment_is_broken_into_lines_of_fair_width() -> None:
    assert max(map(len, comment("word " * 200, 4))) <= WIDTH


@pytest.mark.parametrize("first", range(0, len(HEADERS), 15))
def test_a_header_feeds_its_field_whatever_it_says(work: Workplace, first: int) -> None:
    some = HEADERS[first : first + 15]
    rows = [[*row[:4], *("ab" for _ in some)] for row in rows_of(12)]
    suggestion = draft_of(work, csv_text([*HEADER[:4], *some], rows))
    for text in some:
        [name] = [one["field"] for one in suggestion.columns if one["header"] == text]
        assert text in [name, *suggestion.schema.fields[name].from_]


def test_all_of_them_together_are_mapped(work: Workplace) -> None:
    # A narrow file keeps every column.
    some = HEADERS[:15]
    rows = [[*row[:4], *some] for row in rows_of(12)]
    suggestion = draft_of(work, csv_text([*HEADER[:4], *some], rows))
    found = checked(work, work.files / "usage.csv", suggestion.schema)
    assert found.verdict.passed
    assert set(some) <= set(found.verdict.mapping.values())


def test_values_are_allowed_as_they_are_written(work: Workplace) -> None:
    words = ["yes", "null", "no # x", "{{ env.HOME }}", "a: b", 'say "hi"']
    suggestion = draft_of(work, usage_text(240, region=lambda n: words[n % 6]))
    field = field_of(suggestion, "region")
    assert field is not None
    assert field.allowed == sorted(words)
    assert checked(work, work.files / "usage.csv", suggestion.schema).verdict.passed


def test_a_file_name_is_only_quoted(work: Workplace) -> None:
    name = "a\n# {{ env.HOME }}: b.csv"
    suggestion = draft_of(work, usage_text(), name=name)
    assert suggestion.schema.description == f"Drafted from {name}"
    assert "\\n# {{ env.HOME }}: b.csv" in commented(suggestion.draft, "type:")


@pytest.mark.slow
def test_dagster_resolves_nothing_in_a_draft(
    work: Workplace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dagster.components.testing import create_defs_folder_sandbox

    from usage_pipeline.components import UsageEvents

    monkeypatch.setenv("SECRET", "hunter2")
    header = [*HEADER[:4], "{{ env.SECRET }}"]
    suggestion = draft_of(work, usage_text(header=header))
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.defs_folder_path / "drafted"
        folder.mkdir(parents=True)
        (folder / "defs.yaml").write_text(suggestion.draft, encoding="utf-8")
        with sandbox.load_component_and_build_defs(defs_path=folder) as (component, _):
            assert isinstance(component, UsageEvents)
            assert component.schema == suggestion.schema
            assert "hunter2" not in repr(component.schema)
