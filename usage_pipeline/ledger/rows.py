"""The rows of one place go into the tables or out of them, and each event keeps its right winner.

Ingest, void, restore and re-mapping are made of these two steps, so that none of them can leave
what another would not. Both run inside a transaction of the caller's. What enters or leaves the
ingestion table is noted in the temporary table `moved`: per place and quarter of an hour, by how
many events it changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from usage_pipeline.ledger.tables import displaced_table, fields_of, ingestion_table
from usage_pipeline.schema import EventSchema
from usage_pipeline.schema.winners import (
    beats,
    best_first,
    differs,
    may_repeat,
    repeated,
    same_event,
)
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.sql import column_list, parquet, quoted

#: Windows begin and end on quarters of an hour, whatever the time zone.
SLOT_SECONDS = 900

#: The quarter of an hour that a row's event lies in.
SLOT = f'epoch_us("timestamp") // {SLOT_SECONDS * 1_000_000}'


def begin_moves(connection: Connection) -> None:
    """Forget what moved before."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE moved (place INTEGER, slot BIGINT, events BIGINT)"
    )


def take_out(connection: Connection, schema: EventSchema, place: int) -> None:
    """Take a place's rows out; the next best row of each event that it had won counts again."""
    table, displaced = ingestion_table(schema), displaced_table(schema)
    heirs = _find_heirs(connection, schema, place)
    _note(connection, f"{table} WHERE place = {place}", -1)
    for rows in (table, displaced):
        connection.execute(f"DELETE FROM {rows} WHERE place = {place}")
    if heirs:
        _move(connection, "heirs", displaced, table)


def put_in(
    connection: Connection, schema: EventSchema, place: int, frame: Path, *, distinct: bool = False
) -> None:
    """Put the valid rows of a mapped frame in at a place that has none; losers are displaced.

    Args:
        distinct: the frame is known to have no event twice; it is not searched for any.

    Raises:
        LedgerShapeChanged: the frame was mapped to other types than the tables have.
    """
    table, displaced = ingestion_table(schema), displaced_table(schema)
    some_lose = meet(connection, schema, place, frame, distinct=distinct)
    if _count(connection, "demoted"):
        _move(connection, "demoted", table, displaced)
    winners = "incoming ANTI JOIN losers USING (line)" if some_lose else "incoming"
    _append(connection, schema, table, place, winners)
    if some_lose:
        _append(connection, schema, displaced, place, "incoming SEMI JOIN losers USING (line)")
    _note(connection, winners, 1, place)


def meet(
    connection: Connection, schema: EventSchema, place: int, frame: Path, *, distinct: bool = False
) -> bool:
    """Hold the valid rows of a mapped frame, `incoming`, against the tables, which do not change.

    Makes `rivals` (line, winner_place, winner_line, conflict), what each line met in the ingestion
    table; `losers`, of the same columns, the lines that would not count there at `place`; and
    `demoted` (place, line), the rows that would count no more. Returns whether there are losers.

    Raises:
        LedgerShapeChanged: the frame was mapped to other types than the tables have.
    """
    rows = parquet(frame)
    connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW incoming AS
            SELECT line, {fields_of(connection, schema, rows)} FROM {rows} WHERE valid"""
    )
    return _find_losers(connection, schema, place, distinct)


def moved_slots(connection: Connection) -> list[datetime]:
    """The begin of each quarter of an hour whose events have changed."""
    rows = connection.execute("SELECT DISTINCT slot FROM moved ORDER BY slot").fetchall()
    return [datetime.fromtimestamp(slot * SLOT_SECONDS, UTC) for (slot,) in rows]


def count_incoming(connection: Connection, schema: EventSchema) -> tuple[int, int]:
    """Of the frame that was put in last: its valid rows, and how many events they are."""
    valid = _count(connection, "incoming")
    if schema.every_line_counts:
        return valid, valid
    again = f"""(SELECT incoming.line FROM incoming JOIN best_lines AS best
                 ON incoming.line <> best.line AND {same_event(schema, "incoming", "best")})"""
    return valid, valid - _count(connection, again)


def _find_heirs(connection: Connection, schema: EventSchema, place: int) -> int:
    """Make `heirs` (place, line): the displaced rows that win where the place had won."""
    displaced = displaced_table(schema)
    connection.execute("CREATE OR REPLACE TEMP TABLE heirs (place INTEGER, line BIGINT)")
    waiting = f"SELECT 1 FROM {displaced} WHERE place <> {place} LIMIT 1"
    if schema.every_line_counts or not connection.execute(waiting).fetchall():
        return 0
    key = column_list(schema.key_fields)
    connection.execute(
        f"""INSERT INTO heirs
            SELECT place, line FROM {displaced} AS heir
            SEMI JOIN (SELECT {key} FROM {ingestion_table(schema)} WHERE place = {place}) AS gone
              ON {same_event(schema, "heir", "gone")}
            WHERE place <> {place}
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {best_first(schema)}) = 1"""
    )
    return _count(connection, "heirs")


def _find_losers(connection: Connection, schema: EventSchema, place: int, distinct: bool) -> bool:
    for table in ("rivals", "losers"):
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {table}
                (line BIGINT, winner_place INTEGER, winner_line BIGINT, conflict BOOLEAN)"""
        )
    connection.execute("CREATE OR REPLACE TEMP TABLE demoted (place INTEGER, line BIGINT)")
    if schema.every_line_counts:
        return False
    # Mostly nothing is known yet. The keys alone are read to find that out, not the whole table.
    table = ingestion_table(schema)
    same = same_event(schema, "incoming", "winner", _given(connection, schema))
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE known AS
            SELECT incoming.line FROM incoming SEMI JOIN {table} AS winner ON {same}"""
    )
    if _count(connection, "known"):
        _meet_the_known(connection, schema, place, same)
    if not distinct:
        [(may,)] = connection.execute(may_repeat(schema, "incoming")).fetchall()
        distinct = not may
    # With a limit of nothing, the engine does not group.
    best, none = repeated(schema, "incoming"), "LIMIT 0" if distinct else ""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE best_lines AS {best} {none}")
    if _count(connection, "best_lines"):
        connection.execute(
            f"""INSERT INTO losers
                SELECT again.line, {place}, best.line, {differs(schema, "again", "winner")}
                FROM incoming AS again
                JOIN best_lines AS best
                  ON {same_event(schema, "again", "best")} AND again.line <> best.line
                JOIN incoming AS winner ON winner.line = best.line
                WHERE again.line NOT IN (SELECT line FROM losers)"""
        )
    return _count(connection, "losers") > 0


def _given(connection: Connection, schema: EventSchema) -> list[str]:
    """The fields of the event key that every incoming row has."""
    columns = ", ".join(f"count(*) = count({quoted(name)})" for name in schema.key_fields)
    [all_have] = connection.execute(f"SELECT {columns} FROM incoming").fetchall()
    return [name for name, given in zip(schema.key_fields, all_have, strict=True) if given]


def _meet_the_known(connection: Connection, schema: EventSchema, place: int, same: str) -> None:
    connection.execute(
        f"""INSERT INTO rivals
            SELECT incoming.line, winner.place, winner.line,
                   {differs(schema, "incoming", "winner")}
            FROM (SELECT * FROM incoming SEMI JOIN known USING (line)) AS incoming
            JOIN {ingestion_table(schema)} AS winner ON {same}"""
    )
    loses = beats(schema, "winner_place", str(place))
    connection.execute(f"INSERT INTO losers SELECT * FROM rivals WHERE {loses}")
    connection.execute(
        "INSERT INTO demoted SELECT DISTINCT winner_place, winner_line FROM rivals "
        f"WHERE NOT ({loses})"
    )


def _move(connection: Connection, chosen: str, source: str, target: str) -> None:
    """Move the rows of `chosen` (place, line) from one table of the ledger to the other."""
    rows = f"{source} SEMI JOIN {chosen} USING (place, line)"
    _note(connection, rows, -1 if chosen == "demoted" else 1)
    # By name, all columns: fields that went out of the YAML go along with their rows.
    connection.execute(f"INSERT INTO {target} BY NAME SELECT * FROM {rows}")
    connection.execute(
        f"DELETE FROM {source} AS source USING {chosen} AS chosen "
        "WHERE source.place = chosen.place AND source.line = chosen.line"
    )


def _append(connection: Connection, schema: EventSchema, table: str, place: int, rows: str) -> None:
    fields = column_list(["line", *schema.fields])
    connection.execute(
        f"INSERT INTO {table} (place, {fields}) SELECT {place}, {fields} FROM {rows}"
    )


def _note(connection: Connection, rows: str, sign: int, place: int | None = None) -> None:
    """Note that `rows` leave the ingestion table (-1) or enter it (1)."""
    where = "place" if place is None else str(place)
    connection.execute(
        f"INSERT INTO moved SELECT {where}, {SLOT}, {sign} * count(*) FROM {rows} GROUP BY ALL"
    )


def _count(connection: Connection, rows: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {rows}").fetchall()[0][0])
