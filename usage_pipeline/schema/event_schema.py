"""What one kind of usage is: its fields, its rules, its event key and its metrics.

The models hold exactly what a `defs.yaml` may say (`docs/schema.md` lists every key). They are
plain values: no stage needs Dagster or a database to use them.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from usage_pipeline.schema.metric_spec import MetricSpec, Window
from usage_pipeline.schema.parts import Duration, Encoding, ExactNumber, Name, SchemaPart, Size

FieldType = Literal["string", "integer", "decimal", "timestamp", "boolean"]
DuplicatePolicy = Literal["keep_first", "keep_last", "refuse"]

#: The key of last resort: every line of every file is an event of its own.
EVERY_LINE = ("upload", "line")


class FieldSpec(SchemaPart):
    """One column of the ingestion table: where it comes from, its type and its rules."""

    type: FieldType = Field(description="string, integer, decimal, timestamp or boolean")
    description: StrictStr | None = Field(default=None, description="What the field means")
    from_: list[StrictStr] = Field(
        default=[], alias="from", description="Headers accepted besides the field's own name"
    )
    constant: StrictStr | None = Field(
        default=None, description="The value of every row; the field is then not in the file"
    )
    from_file_name: StrictStr | None = Field(
        default=None, description="Regular expression with one group that finds the value"
    )
    required: StrictBool = Field(default=True, description="An empty cell is an error")
    usage: StrictBool = Field(default=False, description="A numeric field that is metered")
    unit: StrictStr | None = Field(default=None, description="What one of it is: call, GB, hour")
    minimum: ExactNumber | None = Field(default=None, description="Smallest value allowed")
    maximum: ExactNumber | None = Field(default=None, description="Largest value allowed")
    allowed: list[StrictStr | StrictInt] | None = Field(
        default=None, min_length=1, description="The only values allowed"
    )
    pattern: StrictStr | None = Field(
        default=None, description="RE2 expression that the whole value must match"
    )
    max_length: StrictInt | None = Field(default=None, ge=1, description="Longest text allowed")
    precision: StrictInt = Field(default=38, ge=1, le=38, description="Digits of a decimal")
    scale: StrictInt = Field(default=18, ge=0, le=38, description="Digits behind its point")
    format: StrictStr = Field(
        default="iso8601",
        description="iso8601, epoch_seconds, epoch_milliseconds or a strptime pattern",
    )
    time_zone: StrictStr | None = Field(
        default=None, description="Zone of a timestamp that is written without an offset"
    )
    future_limit: Duration | None = Field(
        default=None,
        description="How far past the time of receipt is accepted; 5m for the event's own time",
    )
    past_limit: Duration | None = Field(
        default=None, description="How long before the time of receipt is accepted"
    )

    @property
    def in_file(self) -> bool:
        """Whether a column of the file feeds the field."""
        return self.constant is None and self.from_file_name is None

    @property
    def numeric(self) -> bool:
        return self.type in ("integer", "decimal")


class CsvOptions(SchemaPart):
    """How the files of this schema are written, and how much of one is read at most."""

    delimiter: Literal["auto", ",", ";", "\t", "|"] = Field(
        default="auto", description="auto, or the character between two cells"
    )
    encoding: Encoding = Field(
        default="auto",
        description="auto (UTF-8, or what the byte order mark says), or an encoding by name",
    )
    null_values: list[StrictStr] = Field(default=[""], description="Cell texts that mean: no value")
    decimal_sign: Literal[".", ","] = Field(
        default=".", description="What stands before the fraction of a number"
    )
    thousands_sign: Literal[",", ".", " ", "'", "’", "_", "\u00a0", "\u202f"] | None = Field(
        default=None, description="What may stand between groups of three digits"
    )
    max_file_size: Size = Field(
        default=100 * 10**9, description="Largest file taken, in bytes as it arrives"
    )
    max_expanded_size: Size = Field(
        default=100 * 10**9, description="Most bytes that a compressed file may expand to"
    )
    max_ratio: StrictInt = Field(
        default=500, ge=1, description="How many times its size a compressed file may expand to"
    )
    max_record_size: Size = Field(
        default=16 * 10**6, le=10**9, description="Most bytes of one record"
    )
    max_field_length: Size = Field(default=10**7, description="Most bytes of one cell")
    max_columns: StrictInt = Field(default=10_000, ge=1, description="Most columns of a header")
    max_errors: StrictInt = Field(
        default=10_000, ge=1, description="Errors kept with their messages; counts are complete"
    )

    def too_large(self, size: int) -> str | None:
        """Why a file of `size` bytes is not taken, and what to do; None where it is."""
        if size <= self.max_file_size:
            return None
        return (
            f"The file has {size:,} bytes; at most {self.max_file_size:,} are taken "
            "(csv.max_file_size). Split it, or raise the limit in the schema."
        )


class CustomerList(SchemaPart):
    """A reference list of customers: what `customer_id` may say."""

    file: StrictStr = Field(
        min_length=1, description="CSV file of the list, relative to the data folder"
    )
    column: StrictStr = Field(
        default="customer_id", min_length=1, description="Header of the column with the customers"
    )
    unknown: Literal["error", "warning"] = Field(
        default="error", description="What a customer is that the list has not"
    )

    @property
    def in_words(self) -> str:
        return f"the list of customers ({self.file}, column {self.column})"


class EventSchema(SchemaPart):
    """One kind of usage, as described by one `defs.yaml`."""

    name: Name = Field(description="snake_case; names partitions, tables and the drop folder")
    description: StrictStr | None = Field(default=None, description="What these files are")
    kind: Literal["events", "summary"] = Field(
        default="events", description="events, or summary for rows that are billable as they are"
    )
    window: Window | None = Field(default=None, description="Kind summary: window of its metrics")
    time_zone: StrictStr = Field(default="UTC", description="Kind summary: zone of the window")
    start: date = Field(default=date(2020, 1, 1), description="Earliest day an event may have")
    fields: dict[str, FieldSpec] = Field(description="The columns of the ingestion table")
    event_key: list[StrictStr] | None = Field(
        default=None, description="Fields that make two rows the same event, or [upload, line]"
    )
    on_duplicate: DuplicatePolicy | None = Field(
        default=None,
        description="keep_first, keep_last (a later file corrects), or refuse the file that "
        "says otherwise; keep_first where nothing is written, and keep_last for kind summary",
    )
    on_invalid: Literal["refuse_file", "quarantine_rows"] = Field(
        default="refuse_file", description="What one bad row does to its file"
    )
    confirm: Literal["automatic", "manual"] = Field(
        default="automatic", description="Whether a person must confirm before rows count"
    )
    csv: CsvOptions = Field(default_factory=CsvOptions, description="How the files are written")
    customers: CustomerList | None = Field(
        default=None, description="A list that every customer must be in"
    )
    metrics: dict[str, MetricSpec] = Field(default={}, description="What is billed")

    @property
    def usage_fields(self) -> dict[str, FieldSpec]:
        return {name: field for name, field in self.fields.items() if field.usage}

    @property
    def dimensions(self) -> list[str]:
        """Fields a summary row is broken down by: neither customer, nor time, nor a number."""
        return [
            name
            for name, field in self.fields.items()
            if name != "customer_id" and field.type in ("string", "boolean")
        ]

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The event key; of a summary, where none is written: customer, time and dimensions."""
        if self.event_key is not None:
            return tuple(self.event_key)
        return ("customer_id", "timestamp", *self.dimensions)

    @property
    def policy(self) -> DuplicatePolicy:
        """Which row of an event counts: what `on_duplicate` says, or the default of the kind."""
        if self.on_duplicate is not None:
            return self.on_duplicate
        return "keep_last" if self.kind == "summary" else "keep_first"

    @property
    def every_line_counts(self) -> bool:
        """Whether nothing can ever be a duplicate, because each line is its own event."""
        return self.key_fields == EVERY_LINE

    @property
    def all_metrics(self) -> dict[str, MetricSpec]:
        """The metrics written, and for kind summary one of each usage field beside them."""
        if self.kind == "events" or self.window is None:
            return self.metrics
        return {
            name: MetricSpec(
                aggregation="sum",
                field=name,
                window=self.window,
                time_zone=self.time_zone,
                group_by=self.dimensions,
                description=field.description,
            )
            for name, field in self.usage_fields.items()
        } | self.metrics
