"""Whatever the file: its draft loads, and by it the file fails only for what the draft asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_pipeline.reading import UnreadableFile
from usage_pipeline_tests.conftest import workplace
from usage_pipeline_tests.suggest.drafting import (
    checked,
    csv_text,
    draft_of,
    error_codes,
    loaded,
)
from usage_pipeline_tests.workplace import Workplace

HEADERS = (
    *("Event ID", "id", "uuid", "Account", "customer_id", "Tenant", "timestamp", "When", "date"),
    *("period_end", "API Calls", "amount", "Storage GB", "price", "unit", "currency", "region"),
    *("line", "value", "upload", "group/id", "日本", "{{ env.HOME }}", "a: b", "yes", "quantity"),
)
moments = st.datetimes().map(lambda moment: moment.replace(year=2000 + moment.year % 20))
CELLS = (
    st.sampled_from(["", "NULL", "N/A", "-", "none"]),
    st.integers(-10, 10**6).map(str),
    st.integers(0, 9).map(lambda n: f"0{n}"),
    st.decimals(-10, 1000, places=3).map(str),
    st.integers(0, 999).map(lambda n: f"1.{n:03},5"),
    st.integers(0, 999).map(lambda n: f"1,{n:03}"),
    st.sampled_from(["true", "false"]),
    st.sampled_from(["us", "eu", "yes", "a # b", " padded", "007", "1e5", "=x"]),
    moments.map(lambda moment: moment.isoformat() + "Z"),
    moments.map(lambda moment: moment.isoformat(" ", "minutes")),
    moments.map(lambda moment: f"{moment:%d/%m/%Y}"),
    moments.map(lambda moment: f"{moment:%m/%d/%Y %I:%M %p}"),
    moments.map(lambda moment: f"{moment.timestamp():.0f}"),
    st.text(max_size=5),
)


@st.composite
def columns(draw: st.DrawFn, rows: int) -> list[str]:
    """Cells of mostly one kind."""
    kind = draw(st.sampled_from(CELLS))
    cells = draw(st.lists(kind, min_size=rows, max_size=rows))
    if draw(st.booleans()):
        at = draw(st.integers(0, rows - 1))
        cells[at] = draw(draw(st.sampled_from(CELLS)))
    if draw(st.booleans()):
        cells = [cells[n % 2 % rows] for n in range(rows)]
    return cells


@st.composite
def files(draw: st.DrawFn) -> str:
    rows = draw(st.integers(1, 30))
    labels = draw(st.lists(st.sampled_from(HEADERS), min_size=2, max_size=7, unique=True))
    made = [draw(columns(rows)) for _ in labels]
    return csv_text(labels, list(zip(*made, strict=True)), draw(st.sampled_from(",;\t|")))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield workplace(tmp_path_factory.mktemp("law"), monkeypatch)


@pytest.mark.slow
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=files())
def test_a_file_fails_by_its_draft_only_for_what_the_draft_asks(
    place: Workplace, text: str
) -> None:
    try:
        suggestion = draft_of(place, text)
    except UnreadableFile:
        return
    schema = loaded(place, suggestion.draft)
    assert schema == suggestion.schema
    found = checked(place, place.files / "usage.csv", schema)
    explained = {code for one in suggestion.questions for code in one.codes}
    assert error_codes(found, schema) <= explained
    if not explained:
        assert found.verdict.passed
        assert found.verdict.duplicates == 0
