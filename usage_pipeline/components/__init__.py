"""YAML -> assets."""

from usage_pipeline.components.usage_events import UsageEvents

__all__ = ["UsageEvents"]
