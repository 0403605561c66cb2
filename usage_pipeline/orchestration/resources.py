"""The warehouse as a Dagster resource."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster_duckdb import DuckDBResource

from usage_pipeline.data_folder import DataFolder
from usage_pipeline.flow import Flow
from usage_pipeline.orchestration.live_runs import hold
from usage_pipeline.orchestration.step_log import EVERY_SECONDS, FIRST_SECONDS, StepLog
from usage_pipeline.reading import both, watcher
from usage_pipeline.schema import EventSchema
from usage_pipeline.warehouse import Warehouse
from usage_pipeline.warehouse.connection import Connection

POOL = "warehouse"


class UsageWarehouse(DuckDBResource):
    """A `DuckDBResource` whose every connection goes through the warehouse's own lock.

    log_first_seconds, log_every_seconds: of work on one upload, after which the log of a step says
    how far it is.
    """

    data_folder: str
    log_first_seconds: float = FIRST_SECONDS
    log_every_seconds: float = EVERY_SECONDS

    @classmethod
    def current(cls) -> "UsageWarehouse":
        folder = DataFolder.current()
        return cls(database=str(folder.warehouse), data_folder=str(folder.root))

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Show that the run is alive; see `live_runs`."""
        if context.run is not None:
            hold(context.run.run_id, self._folder)

    @contextmanager
    def get_connection(self) -> Iterator[Connection]:
        """A connection nobody else has at the same time; see `Warehouse.open`."""
        with Warehouse(self._folder).open() as connection:
            yield connection

    def flow(self, schema: EventSchema) -> Flow:
        """The stages of one schema on this data folder."""
        return Flow(schema, self._folder)

    def told_flow(self, schema: EventSchema, log: dg.DagsterLogManager) -> Flow:
        """The same, whose long work is told in the log of a step."""
        step_log = StepLog(log.info, self.log_first_seconds, self.log_every_seconds)
        return Flow(schema, self._folder, both(watcher(), step_log))

    @property
    def _folder(self) -> DataFolder:
        return DataFolder(Path(self.data_folder))
