"""Commands about billable metrics: their values, what is behind one, and what another would say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from usage_pipeline.cli.common import (
    FormatOption,
    SchemaOption,
    existing_files,
    remark,
    schema_named,
)
from usage_pipeline.cli.filters import Customer, From, To, moment, narrowed, rows_of
from usage_pipeline.cli.output import Format, minute, page, short, show, text
from usage_pipeline.cli.problems import NotComputed, WrongUse
from usage_pipeline.data_folder import DataFolder
from usage_pipeline.export import write_values
from usage_pipeline.flow import Flow
from usage_pipeline.ledger.tables import has_ledger
from usage_pipeline.metering import TimeWindow, window_of, windows_between
from usage_pipeline.metering.chart import Chart, draw
from usage_pipeline.metering.explain import explain_value
from usage_pipeline.metering.preview import preview
from usage_pipeline.metering.refresh import uncomputed_metrics
from usage_pipeline.metering.series import chart_of
from usage_pipeline.metering.sparkline import sparkline
from usage_pipeline.metering.tables import has_values, metric_table
from usage_pipeline.metering.windowed import key_columns
from usage_pipeline.schema import (
    EventSchema,
    InvalidSchema,
    load_metrics,
    load_schemas,
)
from usage_pipeline.warehouse import Warehouse, column_list
from usage_pipeline.warehouse.connection import Connection

#: Series that a terminal shows the course of, and windows from which on there is one.
MOST_COURSES, FEWEST_WINDOWS = 10, 3

Metric = Annotated[str, typer.Argument(help="The metric.")]


def metrics(
    metric: Metric,
    schema: SchemaOption = None,
    customer: Customer = None,
    begin: From = None,
    end: To = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Also draw them: a file.svg or file.png.")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", help="Also write them: a file.parquet.")
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """List the values of a billable metric, per customer and window."""
    _writable(plot, "--plot", (".svg", ".png"))
    _writable(parquet, "--parquet", (".parquet",))
    found = _schema_of(metric, schema)
    spec = found.all_metrics[metric]
    only = narrowed("window_start", customer, begin, end, spec.time_zone)
    names = [*key_columns(spec), "value", "events"]
    query = f"""
        SELECT ?, {column_list([*names, *_ORIGIN])} FROM {metric_table(found, metric)} {only.where}
        ORDER BY {column_list(["window_start", "customer_id", *spec.group_by])}"""
    flow = Flow(found, DataFolder.current())
    beside = [] if parquet is None else [parquet.absolute().parent]
    with Warehouse(flow.folder).open(*beside) as connection:
        flow.can_read(connection, types_only=True)
        if not has_values(connection, found, metric):
            if metric in uncomputed_metrics(connection, found):
                words = "as the YAML describes it now, are not computed yet."
                raise NotComputed(f"The values of {metric}, {words} {_HOW_TO_COMPUTE}")
            show([], ["metric", *names], form, "No values.")
            return
        rows = rows_of(connection, query, [metric, *only.values], ["metric", *names, *_ORIGIN])
        columns = ["metric", *names, *([] if form is Format.table else _ORIGIN)]
        show(rows, columns, form, "No values.")
        chosen = f"{metric_table(found, metric)} {only.where}"
        if form is Format.table:
            _show_courses(chart_of(connection, found, metric, chosen, only.values, MOST_COURSES))
        if plot is not None:
            draw(chart_of(connection, found, metric, chosen, only.values), plot)
            remark(f"Drawn: {plot}")
        if parquet is not None:
            count = write_values(connection, found, metric, only.where, only.values, parquet)
            remark(f"Written: {parquet}, {count:,} values")
        _remark_stale(flow, metric)


def _writable(file: Path | None, option: str, suffixes: Sequence[str]) -> None:
    """Raises WrongUse where a file cannot be meant: found out before anything is computed."""
    if file is None:
        return
    if file.suffix.lower() not in suffixes:
        raise WrongUse(f"{option} {file}: the name must end in {' or '.join(suffixes)}.")
    if not file.absolute().parent.is_dir():
        raise WrongUse(f"{option} {file}: there is no folder {file.absolute().parent}.")
    if file.is_dir():
        raise WrongUse(f"{option} {file}: there is a folder of that name.")


def _show_courses(chart: Chart) -> None:
    """Below a table, how the largest series went; two windows say nothing that it does not."""
    starts = [start for series in chart.series for start, _ in series.values]
    if len(set(starts)) < FEWEST_WINDOWS:
        return
    all_windows = windows_between(
        min(starts), max(starts) + timedelta(seconds=1), chart.window, chart.time_zone
    )
    windows = [window.start for window in all_windows]
    rows = []
    for series in chart.series:
        known = dict(series.values)
        rows.append(
            {
                "series": series.name,
                f"{windows[0]:%Y-%m-%d} to {windows[-1]:%Y-%m-%d}": sparkline(
                    [known.get(start) for start in windows]
                ),
            }
        )
    page().print()
    show(rows, list(rows[0]), Format.table, "")
    if chart.others is not None:
        page().print(f"The {len(rows)} largest of {len(rows) + chart.others.count:,}.")


#: When a value was computed, and from which state of the ledger.
_ORIGIN = ["computed_at", "ledger_state"]

_HOW_TO_COMPUTE = (
    "They are computed by the sensor of `usage-pipeline dev` within seconds, by the next ingest of "
    "the schema, or when the metric is materialized in the UI."
)


def _remark_stale(flow: Flow, metric: str) -> None:
    """Say which windows have fallen behind: their values are right for an older ledger."""
    starts = flow.register.windows.stale(flow.schema.name).get(metric, [])
    if starts:
        shown = ", ".join(f"{start:%Y-%m-%dT%H:%MZ}" for start in starts[:5])
        more = f" and {len(starts) - 5} more" if len(starts) > 5 else ""
        remark(
            f"{len(starts)} stale window{'s' if len(starts) > 1 else ''} of {metric} wait to be "
            f"computed, from {shown}{more}. {_HOW_TO_COMPUTE}",
            "yellow",
        )


def explain_metric(
    metric: Metric,
    customer: Annotated[str, typer.Option("--customer", help="The customer.")],
    window: Annotated[
        str, typer.Option("--window", help="A day or time in the window, such as its start.")
    ],
    schema: SchemaOption = None,
    form: FormatOption = Format.table,
) -> None:
    """List the events behind a value, each with the upload and line it came from."""
    found = _schema_of(metric, schema)
    spec = found.all_metrics[metric]
    within = moment(window, "--window", spec.time_zone)
    try:
        span = window_of(within, spec.window, spec.time_zone)
    except (OverflowError, ValueError):
        # The calendar ends with the year 9999.
        raise WrongUse(f"--window {window}: that is beyond the calendar.") from None
    flow = Flow(found, DataFolder.current())
    with Warehouse(flow.folder).open() as connection:
        if not flow.can_read(connection, types_only=True):
            show([], ["upload", "line"], form, "No events.")
            return
        _remark_values(connection, flow, metric, customer, span)
        behind = explain_value(connection, found, spec, customer, span)
        rows = rows_of(connection, behind.query, behind.values, behind.columns)
        show(rows, behind.columns, form, "No events take part.")


def _remark_values(
    connection: Connection, flow: Flow, metric: str, customer: str, window: TimeWindow
) -> None:
    """Say what is to be explained: the values, and when and from which ledger they came."""
    spec, found = flow.schema.all_metrics[metric], flow.schema
    remark(f"{metric}: {spec.in_words}")
    remark(f"Window: {short(window.start)} up to {short(window.end)}")
    if not has_values(connection, found, metric):
        remark("Not computed yet.", "yellow")
        return
    columns = [*spec.group_by, "value", "events", *_ORIGIN]
    query = f"""SELECT {column_list(columns)} FROM {metric_table(found, metric)}
                WHERE customer_id = ? AND window_start = ? ORDER BY {column_list(columns)}"""
    for row in rows_of(connection, query, [customer, window.start], columns):
        groups = "".join(f"{name} {text(row[name]) or '(none)'}, " for name in spec.group_by)
        remark(
            f"Value: {groups}{text(row['value'])} from {row['events']} "
            f"event{'' if row['events'] == 1 else 's'}, computed {minute(row['computed_at'])} "
            f"from state {row['ledger_state']} of the ledger"
        )
    _remark_stale(flow, metric)


def preview_metric(
    file: Annotated[Path, typer.Argument(help="YAML: what stands below `metrics:`.")],
    schema: SchemaOption = None,
    customer: Customer = None,
    begin: From = None,
    end: To = None,
    form: FormatOption = Format.table,
) -> None:
    """Compute metrics that are in no schema yet, on the real ledger. Writes nothing."""
    [path] = existing_files([file])
    asked = _with_metrics(path, schema)
    names = list(
        dict.fromkeys(name for spec in asked.metrics.values() for name in key_columns(spec))
    )
    columns = ["metric", *names, "value", "events"]
    flow = Flow(asked, DataFolder.current())
    if not flow.folder.warehouse.exists():
        show([], columns, form, "Nothing is ingested yet.")
        return
    with Warehouse(flow.folder).open() as connection:
        readable = has_ledger(connection, asked) and flow.can_read(connection, types_only=True)
        rows = _previewed(connection, asked, customer, begin, end) if readable else iter(())
        show(rows, columns, form, "No values.")


def _previewed(
    connection: Connection,
    schema: EventSchema,
    customer: str | None,
    begin: str | None,
    end: str | None,
) -> Iterator[dict[str, Any]]:
    for metric, spec in schema.metrics.items():
        zone = spec.time_zone
        first = None if begin is None else moment(begin, "--from", zone)
        last = None if end is None else moment(end, "--to", zone)
        table = preview(connection, schema, metric, first, last)
        only = narrowed("window_start", customer, begin, end, zone)
        names = [*key_columns(spec), "value", "events"]
        query = f"""SELECT ?, {column_list(names)} FROM {table} {only.where}
                    ORDER BY {column_list(["window_start", "customer_id", *spec.group_by])}"""
        yield from rows_of(connection, query, [metric, *only.values], ["metric", *names])


def _with_metrics(file: Path, schema: str | None) -> EventSchema:
    schemas = load_schemas()
    if schema is None and len(schemas) > 1:
        raise WrongUse(f"Which events? Add --schema: {', '.join(schemas)}.")
    base = schema_named(schema) if schema else next(iter(schemas.values()))
    try:
        return load_metrics(file, base)
    except InvalidSchema as error:
        raise WrongUse("This metric cannot be computed:", *error.problems) from None


def _schema_of(metric: str, schema: str | None) -> EventSchema:
    schemas = [schema_named(schema)] if schema else list(load_schemas().values())
    having = [one for one in schemas if metric in one.all_metrics]
    if not having:
        known = ", ".join(sorted({name for one in schemas for name in one.all_metrics}))
        raise WrongUse(f"There is no metric '{metric}'. There are: {known}.")
    if len(having) > 1:
        names = ", ".join(one.name for one in having)
        raise WrongUse(f"Several schemas have a metric '{metric}'; add --schema: {names}.")
    return having[0]
