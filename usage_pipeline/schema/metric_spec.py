"""What one billable metric is: which number of which events, per customer and window."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StrictInt, StrictStr

from usage_pipeline.schema.parts import ExactNumber, SchemaPart

Aggregation = Literal[
    "count",
    "sum",
    "min",
    "max",
    "average",
    "unique_count",
    "latest",
    "percentile",
    "weighted_sum",
    "sql",
]
Window = Literal["hour", "day", "week", "month", "quarter", "year"]
RoundingMode = Literal["half_even", "half_up", "up", "down"]

#: Digits behind the point of every value that is a quotient.
QUOTIENT_DIGITS = 18


class Rounding(SchemaPart):
    """How a value is rounded, once, from the exact number."""

    digits: Annotated[StrictInt, Field(ge=0, le=QUOTIENT_DIGITS)] = Field(
        description="Digits kept behind the point, 0 to 18"
    )
    mode: RoundingMode = Field(
        default="half_even",
        description="half_even, half_up (a half goes away from zero), up (away from zero) or "
        "down (towards zero)",
    )


class MetricSpec(SchemaPart):
    """One billable metric: an aggregate of the schema's events per customer and window."""

    aggregation: Aggregation = Field(
        description="count, sum, min, max, average, unique_count, latest, percentile, "
        "weighted_sum or sql"
    )
    field: StrictStr | None = Field(default=None, description="The field that is aggregated")
    p: ExactNumber | None = Field(
        default=None, description="Percentile: which one, above 0 and at most 1, such as 0.95"
    )
    interpolation: Literal["linear", "none"] | None = Field(
        default=None,
        description="Percentile: linear between the two nearest values (what is meant where "
        "nothing is written), or none, the smallest value that enough others do not exceed",
    )
    per: Literal["hour", "window"] | None = Field(
        default=None,
        description="Weighted sum: hour for GB-hours (what is meant where nothing is written), "
        "window for GB-months where the window is a month",
    )
    sql: StrictStr | None = Field(
        default=None, description="Aggregation sql: one SELECT over `events`, those of one window"
    )
    where: StrictStr | None = Field(
        default=None, description="Condition on the schema's fields that an event must meet"
    )
    multiply_by: ExactNumber | None = Field(
        default=None, description="What the aggregate is multiplied by, above 0"
    )
    divide_by: ExactNumber | None = Field(
        default=None, description="What the aggregate is divided by, above 0"
    )
    round: Rounding | None = Field(default=None, description="How the value is rounded")
    window: Window = Field(description="hour, day, week (ISO, from Monday), month, quarter or year")
    time_zone: StrictStr = Field(default="UTC", description="Zone in which the window begins")
    group_by: list[StrictStr] = Field(default=[], description="Fields that split the value")
    description: StrictStr | None = Field(default=None, description="What is billed with it")

    @property
    def factor(self) -> tuple[Decimal, Decimal]:
        """What the aggregate is multiplied by, and what it is divided by."""
        return self.multiply_by or Decimal(1), self.divide_by or Decimal(1)

    @property
    def shaped(self) -> bool:
        """Whether the value is another number than the aggregate."""
        return (self.multiply_by, self.divide_by, self.round) != (None, None, None)

    @property
    def adds_up(self) -> bool:
        """Whether the sum of customers' values in a window means anything."""
        return self.aggregation in ("count", "sum", "latest", "weighted_sum")

    @property
    def adds_up_over_time(self) -> bool:
        """Whether the sum of all values is exactly the aggregate of all events."""
        return self.aggregation in ("count", "sum") and not self.shaped

    @property
    def in_words(self) -> str:
        """What is computed, for a person: `sum of api_calls where region = 'eu', / 1000`."""
        words = f"{self.aggregation} of {self.field or 'events'}"
        if self.p is not None:
            words = f"{self.aggregation} {self.p} of {self.field}"
        if self.where is not None:
            words += f" where {self.where}"
        if self.multiply_by is not None:
            words += f", times {self.multiply_by}"
        if self.divide_by is not None:
            words += f", divided by {self.divide_by}"
        if self.round is not None:
            words += f", rounded to {self.round.digits} digits ({self.round.mode})"
        return words
