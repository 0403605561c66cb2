"""Which labels come near a wanted one."""

from __future__ import annotations

import pytest

from usage_pipeline.mapping.likeness import LIKELY, PLAUSIBLE, likeliest, likeness, words_of


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("lineItem/UsageAccountId", ["line", "item", "usage", "account", "id"]),
        ("API Calls", ["api", "calls"]),
        ("HTTPCode_2", ["http", "code", "2"]),
        ("Größe (GB)", ["grösse", "gb"]),
        ("--", []),
    ],
)
def test_a_label_falls_into_its_words(label: str, words: list[str]) -> None:
    assert words_of(label) == words


@pytest.mark.parametrize(
    ("wanted", "label"),
    [
        ("account id", "AccountID"),
        ("account_id", "account.id"),
        ("API Calls", "api_call"),
        ("usage start", "StartUsage"),
        ("region", "regoin"),
    ],
)
def test_other_writing_order_or_a_slip_is_likely(wanted: str, label: str) -> None:
    assert likeness(wanted, label) >= LIKELY


@pytest.mark.parametrize(
    ("wanted", "label"),
    [("Account", "lineItem/UsageAccountId"), ("amount", "tax amount"), ("id", "customer id")],
)
def test_a_shared_word_is_plausible_and_never_likely(wanted: str, label: str) -> None:
    assert PLAUSIBLE <= likeness(wanted, label) < LIKELY


@pytest.mark.parametrize(("wanted", "label"), [("region", "quantity"), ("When", ""), ("", "x")])
def test_what_has_nothing_in_common_is_neither(wanted: str, label: str) -> None:
    assert likeness(wanted, label) < PLAUSIBLE


def test_the_best_of_all_accepted_labels_counts() -> None:
    [first, *_] = likeliest(["Account", "customer_id"], ["When", "Customer-Id", "account no"])
    assert (first.label, first.score) == ("Customer-Id", 100)


def test_the_nearest_come_first_and_no_more_than_asked_for() -> None:
    labels = ["account name", "Account", "accounts", "account no", "quantity"]
    found = likeliest(["account"], labels, most=2)
    assert [one.label for one in found] == ["Account", "accounts"]


def test_a_label_that_has_nothing_in_common_is_no_candidate() -> None:
    assert likeliest(["region"], ["quantity", "", "\n"]) == []


def test_nothing_wanted_has_no_candidates() -> None:
    assert likeliest([], ["region"]) == []


def test_a_label_of_any_length_is_compared_by_its_beginning() -> None:
    assert likeliest(["region"], ["region " + "x " * 500_000])[0].score < LIKELY
