"""What the figures were measured on, and with which versions."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("duckdb", "dagster", "pandas", "great-expectations", "dlt")


def about() -> list[str]:
    """Date, machine and versions, a line each."""
    return [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"{os.cpu_count()} cores, {_memory_gb():.0f} GB, {_processor()}, {platform.system()}",
        ", ".join([f"Python {platform.python_version()}", *map(_named, PACKAGES)]),
    ]


def _named(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} not installed"


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _processor() -> str:
    try:
        said = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        said = ""
    model = re.search(r"model name\s*:\s*(.+)", said)
    return model[1] if model else platform.machine()
