"""The ledger is a function of its inputs: whatever the sequence of ingest, re-run, void, restore,
re-mapping, rebuild and crash, the tables are those of the model after every step.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from usage_pipeline.schema.event_schema import DuplicatePolicy
from usage_pipeline_tests.ledger.ledger_machine import LedgerMachine

POLICIES: list[DuplicatePolicy] = ["keep_first", "keep_last", "refuse"]


def run(policy: DuplicatePolicy, examples: int, steps: int) -> None:
    machine = type(f"Ledger_{policy}", (LedgerMachine,), {"policy": policy})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_the_tables_are_those_of_the_model_after_every_step(policy: DuplicatePolicy) -> None:
    run(policy, examples=20, steps=40)


@pytest.mark.soak
@pytest.mark.parametrize("policy", POLICIES)
def test_the_tables_are_those_of_the_model_through_long_lives(policy: DuplicatePolicy) -> None:
    run(policy, examples=100, steps=150)
