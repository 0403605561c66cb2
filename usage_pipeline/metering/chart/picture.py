"""A chart as the bytes of a picture, and as a file."""

from __future__ import annotations

import uuid
from pathlib import Path
from threading import Lock
from typing import Literal

from usage_pipeline.metering.chart.library import loading, quiet
from usage_pipeline.metering.chart.model import Chart
from usage_pipeline.printable import printable

Form = Literal["svg", "png"]

#: The drawing library has settings for the whole process, and so have warnings.
_one_at_a_time = Lock()


class UnknownForm(ValueError):
    """A chart is wanted as something that is neither SVG nor PNG."""


def draw(chart: Chart, file: Path) -> None:
    """Write the chart to a file, as SVG or PNG, which the end of its name says.

    The file takes the place of an older one in one step. Its folder must be there.

    Raises UnknownForm if the name ends in something else, OSError if it cannot be written.
    """
    content = drawn(chart, _form(file.suffix.removeprefix("."), file.name))
    unfinished = file.with_name(f".{uuid.uuid4().hex}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def drawn(chart: Chart, form: Form) -> bytes:
    """The chart as the bytes of a picture; the same bytes for the same chart.

    At most 8 series are shown. The rest is one more, `others`, where values add up, and where they
    do not the chart says how many it leaves out. Values that add up are bars on each other, or
    areas where there are more than 400 windows; all others are lines.

    Letters that the font has not got are boxes in a PNG. An SVG holds every text as text.
    """
    form = _form(form, form)
    with _one_at_a_time, quiet():
        with loading():
            from usage_pipeline.metering.chart.figure import picture
        return picture(chart, form)


def _form(text: str, name: str) -> Form:
    if text.lower() == "svg":
        return "svg"
    if text.lower() == "png":
        return "png"
    message = f"A chart is written as .svg or .png, not as '{printable(name)}'; name a file so"
    raise UnknownForm(message)
