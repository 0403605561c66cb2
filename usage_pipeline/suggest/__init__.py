"""A draft of an event schema, from a file that nobody described."""

from usage_pipeline.suggest.suggestion import Suggestion, suggest

__all__ = ["Suggestion", "suggest"]
