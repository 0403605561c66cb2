"""Verified bytes -> columns of text, by pyarrow."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv as pc

from usage_pipeline.reading.encoding import MARK


class CellParser:
    """Parses records that all have the same, known number of cells."""

    def __init__(self, delimiter: str, cells: int, columns: Sequence[int]) -> None:
        self._delimiter = delimiter
        self._names = [f"n{index}" for index in range(cells)]
        self._columns = [self._names[index] for index in columns]
        # pyarrow takes an empty selection for all columns.
        self._included = list(dict.fromkeys(self._columns)) or self._names[:1]

    def parse(
        self, data: bytes | memoryview, rows: int, *, quoted_breaks: bool
    ) -> list[pa.ChunkedArray]:
        """One text column per entry of `columns`, each with `rows` values.

        Raises RuntimeError if pyarrow does not find just as many records.
        """
        if not rows and not data:
            return [pa.chunked_array([], pa.string()) for _ in self._columns]
        if bytes(data[: len(MARK)]) == MARK:
            # pyarrow drops a byte order mark, but here it belongs to a value.
            data = MARK + bytes(data)
        try:
            table = pc.read_csv(
                pa.BufferReader(pa.py_buffer(data)),
                # One byte more than all, so that pyarrow parses one single block.
                pc.ReadOptions(column_names=self._names, block_size=len(data) + 1),
                pc.ParseOptions(
                    delimiter=self._delimiter,
                    quote_char='"',
                    double_quote=True,
                    escape_char=False,
                    newlines_in_values=quoted_breaks,
                    ignore_empty_lines=False,
                ),
                pc.ConvertOptions(
                    check_utf8=False,
                    column_types=dict.fromkeys(self._included, pa.string()),
                    strings_can_be_null=False,
                    include_columns=self._included,
                ),
            )
        except pa.ArrowInvalid as error:
            msg = f"{rows} records found, but pyarrow cannot parse them: {error}"
            raise RuntimeError(msg) from error
        if table.num_rows != rows:
            msg = f"{rows} records found, but pyarrow reads {table.num_rows}"
            raise RuntimeError(msg)
        return [table.column(name) for name in self._columns]
