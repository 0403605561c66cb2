"""Errors for people: bounded texts that survive the way between processes."""

import pickle

from usage_pipeline.reading import LocatedError, UnreadableFile, clip


def test_a_short_text_is_not_clipped() -> None:
    assert clip("x" * 200) == "x" * 200


def test_a_long_text_is_clipped_visibly() -> None:
    assert clip("x" * 201) == "x" * 199 + "…"


def test_a_refusal_can_be_pickled() -> None:
    refusal = UnreadableFile(LocatedError("stray-quote", "why", 3, "a", value='x"'))
    assert pickle.loads(pickle.dumps(refusal)).error == refusal.error  # noqa: S301
