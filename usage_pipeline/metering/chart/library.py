"""Loading and running matplotlib such that it leaves nothing behind and says nothing."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_FOLDER = "MPLCONFIGDIR"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's words about fonts off the terminal."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from", UserWarning)
            yield
    finally:
        log.setLevel(level)


@contextmanager
def loading() -> Iterator[None]:
    """Where the library is imported for the first time, show it a folder for its list of fonts.

    It looks for fonts while it is imported, which takes seconds where there are thousands, and
    keeps what it found. That is in this program's part of the user's caches, or, where nothing can
    be written there, in a folder that is gone afterwards. Who sets MPLCONFIGDIR decides.
    """
    if "matplotlib.font_manager" in sys.modules or os.environ.get(_FOLDER):
        yield
        return
    with ExitStack() as stack:
        folder = _cache() or stack.enter_context(tempfile.TemporaryDirectory())
        os.environ[_FOLDER] = str(folder)
        try:
            yield
        finally:
            os.environ.pop(_FOLDER, None)


def _cache() -> Path | None:
    try:
        given = Path(os.environ.get("XDG_CACHE_HOME", ""))
        caches = given if given.is_absolute() else Path.home() / ".cache"
        folder = caches / "usage-pipeline" / "matplotlib"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None
