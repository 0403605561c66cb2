"""The component behind `type: usage_pipeline.components.UsageEvents`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel, ConfigDict

from usage_pipeline.components.scaffolder import UsageEventsScaffolder
from usage_pipeline.orchestration.build import schema_definitions
from usage_pipeline.schema import EventSchema, load_schema


class SchemaAttributes(BaseModel):
    """The keys under `attributes:`.

    `dg` checks files against the JSON schema of the real model; loading leaves all judgement to
    `load_schema`, which says the same to Dagster and to the command line, with file and line.
    """

    model_config = ConfigDict(extra="allow")

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The JSON schema of `EventSchema`."""
        return EventSchema.model_json_schema(*args, **kwargs)


@dg.scaffold_with(UsageEventsScaffolder)
class UsageEvents(dg.Component):
    """One event schema: from its usage files to its ingestion table and billable metrics."""

    def __init__(self, schema: EventSchema) -> None:
        self.schema = schema

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return SchemaAttributes

    @classmethod
    def load(
        cls,
        attributes: BaseModel | None,  # noqa: ARG003 - the file itself is read again
        context: dg.ComponentLoadContext,
    ) -> UsageEvents:
        """Load the `defs.yaml` at hand.

        Raises:
            InvalidSchema: with every mistake located.
        """
        schema = load_schema(Path(context.path) / "defs.yaml")
        if schema is None:
            raise ValueError(f"{context.path} holds no defs.yaml of an event schema")
        return cls(schema)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002
        return schema_definitions(self.schema)
