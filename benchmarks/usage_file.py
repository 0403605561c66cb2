"""Usage files of any size: key, customer, time, integer, decimal, region."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

HEADER = "Event ID,Account,When,API Calls,Storage GB,region"
_REGIONS = ("us-east", "us-west", "eu-west", "ap-south")
_CHUNK = 500_000

_IN_ORDER = "'evt-' || lpad(n::VARCHAR, 12, '0') || '-abcdef'"
#: As keys mostly are: in no order, so that no range of them can be left out of a search.
SCATTERED = "md5(n::VARCHAR)"


def write_usage_file(path: Path, rows: int) -> None:
    """A clean file of a month's events of a thousand customers."""
    draw = np.random.default_rng(1)
    begin = np.datetime64("2024-10-01T00:00:00")
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for first in range(0, rows, _CHUNK):
            count = min(_CHUNK, rows - first)
            seconds = draw.integers(0, 30 * 86_400, count).astype("timedelta64[s]")
            times = np.datetime_as_string(begin + seconds)
            customers = draw.integers(0, 1000, count)
            calls = draw.integers(0, 1000, count)
            storage = draw.integers(0, 10**8, count)
            regions = draw.integers(0, len(_REGIONS), count)
            file.writelines(
                f"evt-{first + n:012d}-abcdef,cust-{customers[n]:05d},{times[n]}Z,{calls[n]},"
                f"{storage[n] // 10**5}.{storage[n] % 10**5:05d},{_REGIONS[regions[n]]}\n"
                for n in range(count)
            )


def write_large_file(
    path: Path, rows: int, first: int = 0, key: str = _IN_ORDER, begin: str = "2024-10-01"
) -> None:
    """A clean file like that of `write_usage_file`, made in seconds where that takes minutes.

    Args:
        first: number of the first event; files of other numbers have other events.
        key: SQL that makes the event's key of its number n.
        begin: the first of the thirty days that the events lie in.
    """
    cells = _cells(key, begin)
    columns = ", ".join(f'{cell} AS "{header}"' for header, cell in cells.items())
    with duckdb.connect(config={"memory_limit": "2GB"}) as connection:
        connection.execute(
            f"COPY (SELECT {columns} FROM range({first}, {first + rows}) AS row(n)) "
            f"TO '{path}' (HEADER, DELIMITER ',')"
        )


def write_bad_file(path: Path, rows: int, every: int, key: str = SCATTERED) -> None:
    """A file like those above in which every so many rows one is bad, in `BAD` ways by turns."""
    cells = _cells(key, "2024-10-01")
    turn = f"CASE WHEN n % {every} = 0 THEN (n // {every}) % {len(BAD) + 1} ELSE -1 END"
    for kind, (header, cell) in enumerate(BAD.values()):
        cells[header] = f"CASE WHEN kind = {kind} THEN {cell} ELSE {cells[header]} END"
    *most, last = cells.values()
    # The last way to be bad: a cell is missing, so that the record is too short.
    last = f"CASE WHEN kind = {len(BAD)} THEN NULL ELSE {last} END"
    with duckdb.connect(config={"memory_limit": "2GB"}) as connection:
        connection.execute(
            f"""COPY (SELECT concat_ws(',', {", ".join([*most, last])}) AS "{HEADER}"
                      FROM (SELECT n, {turn} AS kind FROM range({rows}) AS row(n)))
                TO '{path}' (HEADER, DELIMITER '|', QUOTE '')"""
        )


#: Ways to be bad: {what: (column, SQL of the cell)}. A missing cell comes on top.
BAD = {
    "not a number": ("API Calls", "'many'"),
    "negative": ("Storage GB", "'-1.5'"),
    "no such day": ("When", "'2024-13-45T10:00:00Z'"),
    "a region that is not allowed": ("region", "'moon-1'"),
    "no key": ("Event ID", "''"),
}


def _cells(key: str, begin: str) -> dict[str, str]:
    """SQL of each column's cell in the row of event n."""
    regions = ", ".join(f"'{region}'" for region in _REGIONS)
    cells = (
        key,
        "'cust-' || lpad((hash(n) % 1000)::VARCHAR, 5, '0')",
        f"""strftime(TIMESTAMP '{begin}' + to_seconds((hash(n * 7) % 2592000)::INT),
                     '%Y-%m-%dT%H:%M:%SZ')""",
        "(hash(n * 3) % 1000)::VARCHAR",
        "(hash(n * 5) % 1000) || '.' || hash(n * 11) % 90000 + 10000",
        f"[{regions}][1 + (hash(n * 13) % {len(_REGIONS)})::INT]",
    )
    return dict(zip(HEADER.split(","), cells, strict=True))


def small_files(folder: Path, count: int, rows: int) -> list[Path]:
    """Files whose events are all different, also from those of other folders' files."""
    folder.mkdir()
    files = []
    for number in range(count):
        file = folder / f"{number:04d}.csv"
        lines = [
            f"{folder.name}-{number}-{n},acme,2024-10-{1 + n % 28:02d}T10:00:00Z,{n},1.5,us-east"
            for n in range(rows)
        ]
        file.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
        files.append(file)
    return files


def make_bad(file: Path) -> None:
    """Have a file fail: an integer of its first row is no number any more."""
    header, first, *others = file.read_text(encoding="utf-8").splitlines()
    cells = first.split(",")
    cells[3] = "many"
    file.write_text("\n".join([header, ",".join(cells), *others]) + "\n", encoding="utf-8")
