"""Values of a metric as a picture: `draw` writes a file, `drawn` gives its bytes."""

from usage_pipeline.metering.chart.model import Chart, Others, Series
from usage_pipeline.metering.chart.picture import Form, UnknownForm, draw, drawn

__all__ = ["Chart", "Form", "Others", "Series", "UnknownForm", "draw", "drawn"]
