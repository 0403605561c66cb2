"""What a padded text is: one with anything unseen at its ends, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from usage_pipeline.schema import parse_schema
from usage_pipeline.schema.rules import UNSEEN, row_rules

#: Python's notation of the characters that the pattern names.
UNSEEN_HERE = re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: chr(int(m[1], 16)), UNSEEN))

texts = st.text(
    st.one_of(
        st.sampled_from(" \t\r\n\u00a0\u200b\u200d\u200f\u3000\ufeff\u0301aé🙂"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture(scope="module")
def condition() -> str:
    schema = parse_schema(
        {
            "name": "texts",
            "fields": {
                "customer_id": {"type": "string"},
                "timestamp": {"type": "timestamp"},
                "calls": {"type": "integer", "usage": True},
            },
            "event_key": ["customer_id"],
        }
    )
    [rule] = [one for one in row_rules(schema) if one.code == "padded-text"]
    return rule.holds


@settings(max_examples=500, deadline=None)
@given(texts)
@example("a\r\n")
@example("a\u200d")
@example("\u0301 ")
@example("")
def test_a_text_is_padded_where_its_first_or_last_character_is_unseen(
    connection: duckdb.DuckDBPyConnection, condition: str, text: str
) -> None:
    padded = bool(text) and any(UNSEEN_HERE.fullmatch(end) for end in (text[0], text[-1]))
    query = f"SELECT {condition} FROM (SELECT ? AS customer_id)"
    assert connection.execute(query, [text]).fetchall() == [(not padded,)]
