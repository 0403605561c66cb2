"""No cell is a formula, and every cell can be had back just as it was."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.formulas import guard, unguard, unguard_column

SIGNS = "'=+-@\t\r\n＝＋－＠"
TEXTS = st.text(st.sampled_from(SIGNS + "0159.,eEa "), max_size=8) | st.text()
NUMBERS = ["-5", "+1.5e3", "-0.5", "-.5", "-1.234,56", "-1,234.56", "+5", "-1E-7", "-5.", "5", "0"]


@pytest.mark.parametrize("sign", SIGNS[1:])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(sign: str) -> None:
    assert guard(f"{sign}1+1") == f"'{sign}1+1"
    assert guard(sign) == f"'{sign}"


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_stay_numbers(number: str) -> None:
    assert guard(number) == number


@pytest.mark.parametrize(
    "text",
    ["-5+1", "-", "-.", "+e5", "--5", "-5\n", "-5e", "-5%", "-A1", "-1 2", "-٣", "-5,0,=x", "=5"],
)
def test_what_only_begins_like_a_number_is_none(text: str) -> None:
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "acme", "'quoted'", "a=1", " =1", "1-1", "''", "e1"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert guard(text) == text


@pytest.mark.parametrize("text", ["'=1+1", "''@x", "'-5", "'\tx"])
def test_a_text_that_looks_guarded_is_guarded_again(text: str) -> None:
    assert guard(text) == f"'{text}"


@given(TEXTS)
def test_every_text_comes_back(text: str) -> None:
    assert unguard(guard(text)) == text


@given(TEXTS)
def test_what_guard_never_gives_is_left_alone(text: str) -> None:
    # If guard gives `text` at all, it is for `text` itself or for what follows its apostrophe.
    given_for = [one for one in (text, text[1:]) if guard(one) == text]
    assert unguard(text) == (given_for[0] if given_for else text)
    assert len(set(given_for)) <= 1


@given(TEXTS)
def test_nothing_that_guard_gives_begins_a_formula(text: str) -> None:
    guarded = guard(text)
    assert guarded[:1] not in set(SIGNS[1:]) or set(guarded) <= set("+-0123456789.,eE")


def test_a_long_text_takes_no_time() -> None:
    text = "-" + "1" * 1_000_000 + "x"
    assert guard(text) == f"'{text}"
    assert guard("'" * 1_000_000) == "'" * 1_000_000


@given(st.lists(TEXTS | TEXTS.map(guard) | st.none()))
def test_a_whole_column_is_unguarded_as_each_of_its_cells(texts: list[str | None]) -> None:
    expected = [None if text is None else unguard(text) for text in texts]
    assert unguard_column(pa.array(texts, pa.string())).to_pylist() == expected
