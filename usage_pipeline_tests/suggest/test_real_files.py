"""Files that others wrote: each draft loads, and checks its file after the few edits named here.

`docs/suggest.md` shows the same edits.
"""

from __future__ import annotations

import re

import pytest

from usage_pipeline.data_folder import PROJECT
from usage_pipeline.suggest import Suggestion, suggest
from usage_pipeline_tests.suggest.drafting import asked, checked, loaded
from usage_pipeline_tests.workplace import Workplace

REAL_USAGE = PROJECT.parent / "shared" / "real_usage"
AWS, FOCUS = "aws_cost_and_usage.csv", "focus_1_0_sample.csv"
LLM, LOAD_BALANCER = "azure_llm_inference_conversation.csv", "elb_request_count_8c0756.csv"

#: What a person answers: {what the draft says: what it says then}.
EDITS = {
    AWS: {},
    FOCUS: {"from: [ChargePeriodStart]}": "from: [ChargePeriodStart], time_zone: UTC}"},
    LLM: {
        "customer_id: {type: string}": "customer_id: {type: string, constant: conversation}",
        "from: [TIMESTAMP]}": "from: [TIMESTAMP], time_zone: UTC}",
        "event_key: [customer_id, timestamp]": "event_key: [upload, line]",
    },
    LOAD_BALANCER: {
        "customer_id: {type: string}": "customer_id: {type: string, from_file_name: "
        "'^elb_request_count_([^._]+)\\.csv$'}",
        "timestamp: {type: timestamp}": "timestamp: {type: timestamp, time_zone: UTC}",
    },
}
QUESTIONS = {
    AWS: [],
    FOCUS: ["timestamp"],
    LLM: ["customer_id", "timestamp", "event_key"],
    LOAD_BALANCER: ["customer_id", "timestamp", "event_key"],
}
KEYS = {
    AWS: ["line_item_id", "time_interval"],
    FOCUS: ["id"],
    LLM: ["customer_id", "timestamp"],
    LOAD_BALANCER: ["customer_id", "timestamp"],
}

PAGE = (PROJECT / "docs" / "suggest.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(
    not REAL_USAGE.is_dir(), reason="the folder shared/real_usage beside the project is absent"
)
every_file = pytest.mark.parametrize("name", [AWS, FOCUS, LLM, LOAD_BALANCER])


@pytest.fixture(scope="module")
def drafts(shared_work: Workplace) -> dict[str, Suggestion]:
    names = (AWS, FOCUS, LLM, LOAD_BALANCER)
    return {name: suggest(REAL_USAGE / name, shared_work.folder, {}) for name in names}


def edited(draft: str, edits: dict[str, str]) -> str:
    for old, new in edits.items():
        assert draft.count(old) == 1, old
        draft = draft.replace(old, new)
    return draft


@every_file
def test_the_draft_asks_what_the_file_does_not_say(
    drafts: dict[str, Suggestion], name: str
) -> None:
    assert asked(drafts[name]) == QUESTIONS[name]


@every_file
def test_the_event_key_is_found(drafts: dict[str, Suggestion], name: str) -> None:
    assert drafts[name].schema.event_key == KEYS[name]


@every_file
def test_with_its_questions_answered_the_file_passes(
    shared_work: Workplace, drafts: dict[str, Suggestion], name: str
) -> None:
    schema = loaded(shared_work, edited(drafts[name].draft, EDITS[name]))
    found = checked(shared_work, REAL_USAGE / name, schema)
    assert found.verdict.passed
    assert (found.verdict.invalid, found.verdict.duplicates) == (0, 0)


def test_usage_is_recognised(drafts: dict[str, Suggestion]) -> None:
    metered = {name: list(draft.schema.usage_fields) for name, draft in drafts.items()}
    assert metered[LLM] == ["context_tokens", "generated_tokens"]
    assert metered[LOAD_BALANCER] == ["value"]
    assert {"usage_amount", "unblended_cost"} <= set(metered[AWS])
    assert {"consumed_quantity", "billed_cost"} <= set(metered[FOCUS])


def test_a_written_null_is_no_value(drafts: dict[str, Suggestion]) -> None:
    assert drafts[FOCUS].schema.csv.null_values == ["", "NULL"]


def test_the_page_shows_every_edit() -> None:
    for edits in EDITS.values():
        for new in edits.values():
            assert new in PAGE


def test_the_page_shows_what_the_drafts_say(drafts: dict[str, Suggestion]) -> None:
    said = {
        line
        for name, one in drafts.items()
        for text in (one.draft, edited(one.draft, EDITS[name]))
        for line in text.splitlines()
    }
    shown = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(shown) == 7
    assert [line for text in shown for line in text.splitlines() if line not in said] == []
