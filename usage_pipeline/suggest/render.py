"""The draft as YAML, each remark and question above or beside the line that it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from usage_pipeline.reading import clip
from usage_pipeline.schema.schema_file import COMPONENT_TYPE
from usage_pipeline.suggest.draft import Draft, LeftOut
from usage_pipeline.suggest.draft_fields import DraftField, Question
from usage_pipeline.suggest.yaml_text import WIDTH, comment, scalar

_LISTED = 40


def render(draft: Draft) -> str:
    """The text of a `defs.yaml` that loads."""
    return "\n".join(_lines(draft)) + "\n"


def _lines(draft: Draft) -> Iterator[str]:
    for words in draft.head:
        yield from comment(words, 0)
    yield from comment(_to_answer(draft.questions), 0)
    yield from _questions(draft, "file", 0)
    yield f"type: {COMPONENT_TYPE}"
    yield ""
    yield "attributes:"
    yield f"  name: {scalar(draft.name)}"
    yield f"  description: {scalar(draft.description)}"
    if draft.kind_remark:
        yield from comment(draft.kind_remark, 2)
    yield "  kind: events"
    yield from comment(draft.start_remark[0].upper() + draft.start_remark[1:] + ".", 2)
    yield f"  start: {draft.start.isoformat()}"
    yield "  fields:"
    for part in draft.fields:
        yield from _field(part)
    for left in draft.left_out:
        yield from comment(_left_out(left), 4)
    yield from _questions(draft, "event_key", 2)
    for words in draft.key_remarks:
        yield from comment(words[0].upper() + words[1:], 2)
    yield f"  event_key: {scalar(draft.event_key)}"
    yield from _questions(draft, "csv", 2)
    for words in draft.csv_remarks:
        yield from comment(words + ".", 2)
    if draft.csv:
        yield f"  csv: {scalar(draft.csv)}"
    if draft.metrics:
        yield "  metrics:"
        for name, keys in draft.metrics.items():
            yield f"    {scalar(name)}: {scalar(keys)}"


def _field(part: DraftField) -> Iterator[str]:
    for question in part.questions:
        yield from comment(f"QUESTION: {question.text}", 4)
    line = f"    {scalar(part.name)}: {scalar(part.keys)}"
    remark = "; ".join(part.remarks)
    if remark and len(line) + len(remark) + 4 <= WIDTH and remark.isprintable():
        yield f"{line}  # {remark}"
        return
    if remark:
        yield from comment(remark[0].upper() + remark[1:] + ".", 4)
    yield line


def _questions(draft: Draft, about: str, indent: int) -> Iterator[str]:
    for question in draft.asked:
        if question.about == about:
            yield from comment(f"QUESTION: {question.text}", indent)


def _to_answer(questions: Sequence[Question]) -> str:
    if not questions:
        return "No question is open; read it all the same before you take it over."
    many = "1 question is" if len(questions) == 1 else f"{len(questions)} questions are"
    return f"{many} open: see the lines that say QUESTION."


def _left_out(left: LeftOut) -> str:
    labels = [one.label for one in left.columns[:_LISTED]]
    if left.why.startswith("the same"):
        labels = [
            f"{one.label} ({clip(', '.join(one.few or ()), 40)})" for one in left.columns[:_LISTED]
        ]
    more = len(left.columns) - _LISTED
    rest = f", and {more} more" if more > 0 else ""
    return f"Left out, {left.why}: {', '.join(labels)}{rest}."
