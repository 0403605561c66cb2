"""Which customers of the list somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from usage_pipeline.mapping.customers import KNOWN_CUSTOMERS
from usage_pipeline.reading import LocatedError, clip
from usage_pipeline.schema.rules import UNSEEN
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import literal

MOST_NEAR = 3
#: So many unknown customers of a file are compared, those on the first lines, ...
MOST_VALUES = 1_000
#: ... as long as that makes no more pairs than the engine compares in a few seconds.
MOST_PAIRS = 50_000_000
#: Comparing takes time by length times length, and nobody mistypes a text that is longer.
LONGEST = 100

#: Candidates that Jaro-Winkler, which is fast, leaves for the count of edits, which is not.
_CANDIDATES = 20


def with_near(connection: Connection, findings: Iterable[LocatedError]) -> list[LocatedError]:
    """The findings, those of `unknown-customer` with customers of the list that come near.

    Each says up to `MOST_NEAR` of them. Where the list has the same text but for case and space,
    every finding says so; others are compared as far as `MOST_VALUES` and `MOST_PAIRS` go.

    Args:
        connection: has the table `KNOWN_CUSTOMERS`.
    """
    findings = list(findings)
    unknown = [one.value for one in findings if one.code == "unknown-customer" and one.value]
    values = [value for value in dict.fromkeys(unknown) if len(value) <= LONGEST]
    if not values:
        return findings
    near = dict(_near(connection, values))
    return [
        replace(one, message=f"{one.message} {near[one.value]}")
        if one.code == "unknown-customer" and one.value in near
        else one
        for one in findings
    ]


def _near(connection: Connection, values: Sequence[str]) -> Iterator[tuple[str, str]]:
    [(listed,)] = connection.execute(f"SELECT count(*) FROM {KNOWN_CUSTOMERS}").fetchall()
    compared = min(MOST_VALUES, MOST_PAIRS // listed)
    rows = connection.execute(
        f"""
        WITH unknown AS MATERIALIZED (
            SELECT value, {_folded("value")} AS folded, place <= $compared AS compared
            FROM (SELECT unnest($values) AS value, unnest(range(1, len($values) + 1)) AS place)
        ),
        known AS (
            SELECT customer_id, {_folded("customer_id")} AS folded FROM {KNOWN_CUSTOMERS}
            WHERE length(customer_id) <= {LONGEST}
        ),
        candidates AS (
            SELECT value, folded, unnest(best, recursive := true) FROM (
                SELECT value, unknown.folded, max_by(
                    {{'customer': customer_id, 'other': known.folded}},
                    (jaro_winkler_similarity(unknown.folded, known.folded), customer_id),
                    {_CANDIDATES}
                ) AS best
                FROM unknown, known WHERE compared GROUP BY ALL
            )
        ),
        near AS (
            SELECT value, customer_id AS customer, 0 AS edits FROM unknown JOIN known USING (folded)
            UNION
            SELECT value, customer, damerau_levenshtein(folded, other) AS edits FROM candidates
            WHERE 3 * edits <= length(folded)
               OR (length(folded) >= 3 AND starts_with(other, folded))
               OR (length(other) >= 3 AND starts_with(folded, other))
        ),
        nearest AS (
            SELECT *, min(edits) OVER (PARTITION BY value) AS fewest FROM near
            QUALIFY edits <= CASE fewest WHEN 0 THEN 0 ELSE fewest + 1 END
        )
        SELECT value, min_by(customer, (edits, customer), {MOST_NEAR}), min(edits)
        FROM nearest GROUP BY value""",
        {"values": list(values), "compared": compared},
    ).fetchall()
    for value, customers, edits in rows:
        named = ", ".join(f"'{clip(customer)}'" for customer in customers)
        yield value, f"Near: {named}{'' if edits else ' (other case or space)'}."


def _folded(text: str) -> str:
    """A text without case and space: what two customers share that a person takes for one."""
    return f"regexp_replace(lower({text}), {literal(UNSEEN)}, '', 'g')"
