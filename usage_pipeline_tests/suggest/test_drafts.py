"""What a draft says of a file holds for all its rows; what it cannot know it asks."""

from __future__ import annotations

from datetime import date

import pytest

from usage_pipeline.reading import UnreadableFile
from usage_pipeline_tests.suggest.drafting import (
    HEADER,
    asked,
    checked,
    commented,
    csv_text,
    draft_of,
    error_codes,
    field_of,
    question,
    rows_of,
    usage_text,
)
from usage_pipeline_tests.workplace import Workplace


def type_of(work: Workplace, header: str, *values: str, repeat: int = 1) -> str:
    """The type drafted for a column with these values, over and over."""
    rows = [[f"e-{n}", value] for n, value in enumerate(values * repeat)]
    suggestion = draft_of(work, csv_text(["Event ID", header], rows))
    [column] = [one for one in suggestion.columns if one["header"] == header]
    return str(column["type"])


def format_of(work: Workplace, *values: str) -> str:
    rows = [[f"e-{n}", value] for n, value in enumerate(values)]
    suggestion = draft_of(work, csv_text(["Event ID", "When"], rows))
    assert suggestion.schema.fields["timestamp"].from_ == ["When"]
    return suggestion.schema.fields["timestamp"].format


def test_a_tidy_file_leaves_no_question_open(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text())
    assert asked(suggestion) == []
    assert suggestion.schema.event_key == ["event_id"]
    assert suggestion.schema.fields["customer_id"].from_ == ["Account"]
    assert suggestion.schema.fields["timestamp"].from_ == ["When"]
    assert list(suggestion.schema.usage_fields) == ["api_calls"]


def test_a_tidy_file_passes_by_its_draft(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text())
    assert checked(work, work.files / "usage.csv", suggestion.schema).verdict.passed


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (("1", "-2", "+3"), "integer"),
        (("1", "2.5"), "decimal"),
        (("4.21E-7",), "decimal"),
        (("94.0",), "decimal"),
        (("true", "FALSE"), "boolean"),
        (("2024-10-01T08:00:00Z",), "timestamp"),
        (("a", "1"), "string"),
        (("yes", "no"), "string"),
        (("007", "008"), "string"),
        (("1,2;3",), "string"),
    ],
)
def test_a_type_is_that_of_all_values(work: Workplace, values: tuple[str, ...], type_: str) -> None:
    assert type_of(work, "Level", *values) == type_


@pytest.mark.parametrize("header", ["Account Number", "zip", "orderId", "sku"])
def test_digits_that_tell_things_apart_are_text(work: Workplace, header: str) -> None:
    assert type_of(work, header, "12", "13") == "string"


def test_one_value_at_the_end_of_a_long_file_decides(work: Workplace) -> None:
    text = usage_text(5000, calls=lambda n: "1.5" if n == 4999 else str(n))
    field = field_of(draft_of(work, text), "API Calls")
    assert field is not None
    assert field.type == "decimal"


def test_a_stray_value_among_many_is_asked_about_with_its_line(work: Workplace) -> None:
    text = usage_text(100, calls=lambda n: "many" if n == 41 else str(n))
    suggestion = draft_of(work, text)
    assert "'many' on line 43" in question(suggestion, "api_calls")
    assert "1 of 100 values" in question(suggestion, "api_calls")


def test_numbers_that_need_more_digits_than_usual_get_them(work: Workplace) -> None:
    text = usage_text(calls="0.0000000000000000000125")
    field = field_of(draft_of(work, text), "API Calls")
    assert field is not None
    assert (field.precision, field.scale) == (38, 24)


def test_words_for_no_value_are_found_where_the_rest_is_typed(work: Workplace) -> None:
    text = usage_text(calls=lambda n: "N/A" if n == 7 else "3", region=lambda n: "-" if n else "eu")
    suggestion = draft_of(work, text)
    assert suggestion.schema.csv.null_values == ["", "N/A"]
    field = field_of(suggestion, "API Calls")
    assert field is not None
    assert (field.type, field.required) == ("integer", False)
    assert "'API Calls'" in commented(suggestion.draft, "csv:")


def test_a_text_that_a_word_for_no_value_would_empty_is_named(work: Workplace) -> None:
    text = usage_text(calls=lambda n: "NA" if n == 7 else "3", region=lambda n: "NA" if n else "eu")
    assert "means so in 'region' too" in commented(draft_of(work, text).draft, "csv:")


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (("2024-10-01T08:15:00+02:00", "2024-10-01 08:15Z"), "iso8601"),
        (("1727763300", "1727763301.5"), "epoch_seconds"),
        (("1727763300500",), "epoch_milliseconds"),
        (("31/01/2024", "05/02/2024"), "%d/%m/%Y"),
        (("01/31/2024", "02/05/2024"), "%m/%d/%Y"),
        (("31.01.2024 08:15",), "%d.%m.%Y %H:%M"),
        (("20240131", "20240201"), "%Y%m%d"),
        (("20240131T081500Z",), "%Y%m%dT%H%M%S%z"),
        (("31 Jan 2024 8:15 PM",), "%d %b %Y %I:%M %p"),
        (("31/Jan/2024:08:15:00 +0000",), "%d/%b/%Y:%H:%M:%S %z"),
        (("January 31, 2024",), "%B %d, %Y"),
        (("2024/01/31 08:15:00.123456",), "%Y/%m/%d %H:%M:%S.%f"),
    ],
)
def test_a_time_is_recognised(work: Workplace, values: tuple[str, ...], form: str) -> None:
    assert format_of(work, *values) == form


def test_numbers_that_are_no_times_by_name_stay_numbers(work: Workplace) -> None:
    assert type_of(work, "Bytes", "1727763300", "1727763301") == "integer"


def test_how_many_values_decide_between_day_and_month_is_said(work: Workplace) -> None:
    text = usage_text(30, when=lambda n: f"{1 + n % 14:02}/01/2024 08:00:00 +0000")
    suggestion = draft_of(work, text)
    assert "4 of 30 values decide against %m/%d/%Y %H:%M:%S %z" in suggestion.draft


def test_an_open_order_of_day_and_month_is_asked_and_lets_no_line_in(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(when=lambda n: f"{1 + n % 12:02}/05/2024"))
    text = question(suggestion, "timestamp")
    assert "%d/%m/%Y and as %m/%d/%Y" in text
    assert "all 40 values" in text
    verdict = checked(work, work.files / "usage.csv", suggestion.schema).verdict
    assert (verdict.valid, verdict.lines) == (0, 40)


def test_days_equal_to_months_have_one_reading(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(when="05/05/2024 08:00:00 +0000"))
    assert "timestamp" not in asked(suggestion)


def test_a_missing_zone_is_asked_and_lets_no_line_in(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(when=lambda n: f"2024-10-{1 + n % 28:02} 08:00"))
    assert "40 of 40 have no offset" in question(suggestion, "timestamp")
    found = checked(work, work.files / "usage.csv", suggestion.schema)
    assert error_codes(found, suggestion.schema) == {"timestamp-no-zone"}


def test_a_few_times_without_offset_are_counted(work: Workplace) -> None:
    when = "2024-10-01 08:00"
    text = usage_text(when=lambda n: when if n < 3 else f"2024-10-01T08:{n:02}:00Z")
    assert "3 of 40 have no offset" in question(draft_of(work, text), "timestamp")


def test_times_to_come_are_asked_about(work: Workplace) -> None:
    text = usage_text(when=lambda n: "2199-01-01T00:00:00Z" if n == 3 else "2024-10-01T08:00:00Z")
    suggestion = draft_of(work, text)
    assert "2199-01-01 00:00" in question(suggestion, "timestamp")
    found = checked(work, work.files / "usage.csv", suggestion.schema)
    assert error_codes(found, suggestion.schema) == {"future-timestamp"}


def test_the_schema_starts_before_the_first_event(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(when="2019-03-17T08:00:00Z"))
    assert suggestion.schema.start == date(2019, 3, 1)


def test_runners_up_for_the_customer_are_named(work: Workplace) -> None:
    header = ["Event ID", "Tenant", "When", "API Calls", "Account Name"]
    suggestion = draft_of(work, usage_text(header=header))
    assert suggestion.schema.fields["customer_id"].from_ == ["Tenant"]
    assert "could also be 'Account Name'" in suggestion.draft


def test_a_file_without_customer_asks_and_is_refused_until_answered(work: Workplace) -> None:
    header = ["Event ID", "colour", "When", "API Calls", "region"]
    suggestion = draft_of(work, usage_text(header=header), name="calls_8c07.csv")
    assert "from_file_name: '^calls_([^._]+)\\.csv$'" in question(suggestion, "customer_id")
    found = checked(work, work.files / "calls_8c07.csv", suggestion.schema)
    assert error_codes(found, suggestion.schema) == {"missing-label"}


def test_lines_without_customer_are_asked_about(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(account=lambda n: "" if n < 2 else "acme"))
    assert "2 lines have no customer" in question(suggestion, "customer_id")


def test_a_file_without_times_asks(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(when="soon"))
    assert "No column holds times" in question(suggestion, "timestamp")
    assert "'When'" in question(suggestion, "timestamp")


def test_a_file_without_usage_asks(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(calls="some"))
    assert list(suggestion.schema.usage_fields) == ["quantity"]
    assert "No column looks like usage" in question(suggestion, "quantity")


def test_numbers_of_which_no_name_says_usage_are_asked_about(work: Workplace) -> None:
    header = ["Event ID", "Account", "When", "alpha", "beta"]
    suggestion = draft_of(work, usage_text(header=header, region=lambda n: str(n % 5)))
    assert "Which of alpha, beta are metered" in question(suggestion, "alpha")


def test_a_unit_is_named_where_the_header_has_just_one(work: Workplace) -> None:
    header = ["Event ID", "Account", "When", "Storage GB", "GB Hours"]
    fields = draft_of(work, usage_text(header=header, region="7")).schema.fields
    assert (fields["storage_gb"].unit, fields["gb_hours"].unit) == ("GB", None)


def test_usage_without_a_negative_value_may_not_be_negative(work: Workplace) -> None:
    field = field_of(draft_of(work, usage_text()), "API Calls")
    assert field is not None
    assert field.minimum == 0


def test_negative_usage_is_counted(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(calls=lambda n: "-1" if n < 3 else "2"))
    field = field_of(suggestion, "API Calls")
    assert field is not None
    assert field.minimum is None
    assert "3 of 40 values are negative" in suggestion.draft


def test_each_usage_field_gets_a_metric_in_windows_of_fair_length(work: Workplace) -> None:
    short = draft_of(work, usage_text())
    long = draft_of(work, usage_text(when=lambda n: f"20{10 + n % 10}-01-01T00:00:00Z"))
    assert short.schema.metrics["api_calls_per_day"].window == "day"
    assert long.schema.metrics["api_calls_per_month"].window == "month"


def test_a_sum_is_split_by_its_unit(work: Workplace) -> None:
    header = ["Event ID", "Account", "When", "Consumed Quantity", "Consumed Unit"]
    suggestion = draft_of(work, usage_text(header=header))
    [metric] = suggestion.schema.metrics.values()
    assert metric.group_by == ["consumed_unit"]


def test_few_values_that_come_often_are_all_that_is_allowed(work: Workplace) -> None:
    field = field_of(draft_of(work, usage_text(100)), "region")
    assert field is not None
    assert field.allowed == ["eu-west", "us-east"]


def test_a_value_that_is_there_once_is_no_reason_to_forbid_others(work: Workplace) -> None:
    text = usage_text(100, region=lambda n: "ap-south" if n == 1 else "us-east")
    field = field_of(draft_of(work, text), "region")
    assert field is not None
    assert field.allowed is None


def test_the_smallest_unique_set_is_the_event_key(work: Workplace) -> None:
    text = usage_text(60, id=lambda n: f"e-{n // 2}", region=lambda n: "ab"[n % 2])
    assert draft_of(work, text).schema.event_key == ["event_id", "region"]


def test_a_key_that_one_line_breaks_is_not_claimed(work: Workplace) -> None:
    text = usage_text(3000, id=lambda n: f"e-{max(n, 1)}", when="2024-10-01T08:00:00Z")
    assert draft_of(work, text).schema.event_key != ["event_id"]


def test_a_key_is_compared_as_the_pipeline_reads_it(work: Workplace) -> None:
    """Two ways to write one moment are no two moments."""
    header = ["Account", "When", "API Calls"]
    rows = [
        ["acme", "2024-10-01T08:00:00Z", "1"],
        ["acme", "2024-10-01T10:00:00+02:00", "2"],
        ["acme", "2024-10-01T09:00:00Z", "3"],
    ]
    assert draft_of(work, csv_text(header, rows)).schema.event_key == ["upload", "line"]


def test_a_key_of_time_alone_is_asked_about(work: Workplace) -> None:
    header = ["Account", "When", "API Calls"]
    rows = [["acme", f"2024-10-01T08:{n:02}:00Z", "1"] for n in range(40)]
    suggestion = draft_of(work, csv_text(header, rows))
    assert suggestion.schema.event_key == ["customer_id", "timestamp"]
    assert "two events at the same moment" in question(suggestion, "event_key")


def test_without_a_key_every_line_counts_and_equal_lines_are_counted(work: Workplace) -> None:
    header = ["Account", "When", "API Calls"]
    rows = [["acme", "2024-10-01T08:00:00Z", str(n % 2)] for n in range(40)]
    suggestion = draft_of(work, csv_text(header, rows))
    assert suggestion.schema.every_line_counts
    assert "38 lines say, cell for cell" in question(suggestion, "event_key")


def test_empty_columns_are_left_out_and_named(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(region=""))
    assert field_of(suggestion, "region") is None
    assert "Left out, without any value: region." in suggestion.draft


def test_a_wide_file_keeps_what_feeds_something(work: Workplace) -> None:
    more = [f"extra {n}" for n in range(40)]
    rows = [[*row, *(f"{row[0]} {n}" for n in range(40))] for row in rows_of(60)]
    suggestion = draft_of(work, csv_text([*HEADER, *more], rows))
    assert len(suggestion.schema.fields) < 10
    assert "extra 39" in suggestion.draft


def test_lines_that_do_not_fit_the_header_are_asked_about(work: Workplace) -> None:
    text = usage_text() + '"e-x","acme"\n'
    suggestion = draft_of(work, text)
    assert "1 of 41 lines do not fit the header" in question(suggestion, "file")
    assert "line 42" in question(suggestion, "file")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter_is_found(work: Workplace, delimiter: str) -> None:
    suggestion = draft_of(work, csv_text(HEADER, rows_of(40), delimiter))
    assert asked(suggestion) == []


def test_a_decimal_comma_is_found(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(calls=lambda n: f"1.234,{n:02}"))
    csv = suggestion.schema.csv
    assert (csv.decimal_sign, csv.thousands_sign) == (",", ".")
    assert "40 of 40 values in 'API Calls'" in commented(suggestion.draft, "csv:")
    assert checked(work, work.files / "usage.csv", suggestion.schema).verdict.passed


def test_signs_that_could_mean_two_numbers_are_asked_about(work: Workplace) -> None:
    suggestion = draft_of(work, usage_text(calls=lambda n: f"1,{100 + n}"))
    assert "are other numbers then" in question(suggestion, "csv")
    found = checked(work, work.files / "usage.csv", suggestion.schema)
    assert error_codes(found, suggestion.schema) == {"type-error"}


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("api_usage_2024-10.csv", "api_usage"),
        ("2024-10-15 Broken.csv.gz", "broken"),
        ("GPU-Hours.csv", "gpu_hours"),
        ("usage.csv", "usage_2"),
        ("2024-10.csv", "usage_file"),
        ("日本.csv", "usage_file"),
        ("-- .csv", "usage_file"),
    ],
)
def test_the_schema_is_named_after_the_file(work: Workplace, name: str, schema: str) -> None:
    assert draft_of(work, usage_text(), name=name).schema.name == schema


def test_a_column_is_not_fed_by_the_name_of_another(work: Workplace) -> None:
    """A field takes the column of its own name too, so no field may be called like another one."""
    header = ["Event ID", "Account", "When", "API Calls", "group/event_id"]
    suggestion = draft_of(work, usage_text(header=[*header[:4], "api_calls"]))
    assert checked(work, work.files / "usage.csv", suggestion.schema).verdict.passed
    suggestion = draft_of(work, usage_text(header=header))
    assert checked(work, work.files / "usage.csv", suggestion.schema).verdict.passed


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty-file"),
        ("a,b\n", "empty-file"),
        ("1,2\n3,4\n", "no-header"),
        ("a,\nb,c\n", "blank-label"),
        ("a,A\nb,c\n", "duplicate-label"),
        ('a,b\n"c,d\n', "unclosed-quote"),
        ("Report of October\na,b\n1,2\n3,4\n", "title-row"),
    ],
)
def test_a_file_that_cannot_be_mapped_by_any_schema_is_refused(
    work: Workplace, text: str, code: str
) -> None:
    with pytest.raises(UnreadableFile) as refused:
        draft_of(work, text)
    assert refused.value.error.code == code
