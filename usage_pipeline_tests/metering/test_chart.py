"""A chart: what a person finds in the picture, and that no text or number breaks it."""

from __future__ import annotations

import os
import random
import re
import struct
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from usage_pipeline.metering import windows_between
from usage_pipeline.metering.chart import Chart, Series, UnknownForm, draw, drawn
from usage_pipeline.schema import Window

SVG = "{http://www.w3.org/2000/svg}"
BERLIN = "Europe/Berlin"

#: The colours of the largest, the second, the windows without values, and the others.
FIRST, SECOND, GAP, OTHERS = "#332288", "#88ccee", "#f0f0f0", "#bbbbbb"

HOSTILE = [
    "$x^2$",
    "$\\frac{$",
    "<script>alert(1)</script>",
    "a & b",
    '"><path d="M 1.23456 2"/>',
    "--> _ <!--",
    "_internal",
    "two\nlines",
    "\x1b[2J\x00",
    "שלום עולם",
    "\u202eevil",
    "😀👩‍👩‍👧",
    "日本株式会社",
    "\udce9",
    "x" * 10_000,
    "",
]

Corners = list[tuple[float, float]]


def starts(
    count: int, window: Window = "day", first: str = "2024-03-01T00:00+01:00"
) -> list[datetime]:
    begin = datetime.fromisoformat(first).astimezone(UTC)
    every = windows_between(begin, datetime(2090, 1, 1, tzinfo=UTC), window, BERLIN)
    return [next(every).start for _ in range(count)]


def series(name: str, *values: int | str | None, window: Window = "day") -> Series:
    numbers = [None if value is None else Decimal(value) for value in values]
    return Series(name, list(zip(starts(len(values), window), numbers, strict=True)))


def chart_of(
    *every: Series,
    title: str = "Storage",
    unit: str = "GB",
    window: Window = "day",
    adds_up: bool = True,
    open_from: datetime | None = None,
) -> Chart:
    return Chart(title, unit, window, BERLIN, every, adds_up, open_from)


def at_random(customers: int, count: int, window: Window = "hour") -> list[Series]:
    some = random.Random(count)  # noqa: S311
    begins = starts(count, window)
    return [
        Series(f"customer {one}", [(start, Decimal(some.randint(0, 999))) for start in begins])
        for one in range(customers)
    ]


def texts(chart: Chart) -> list[str]:
    root = ElementTree.fromstring(drawn(chart, "svg"))  # noqa: S314
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def filled(chart: Chart, colour: str) -> list[Corners]:
    """The shapes in the chart that are filled with a colour, in points; the legend's too."""
    root = ElementTree.fromstring(drawn(chart, "svg"))  # noqa: S314
    found = []
    for element in root.iter(f"{SVG}path"):
        if f"fill: {colour}" in element.get("style", ""):
            parts = element.get("d", "").split("M ")[1:]
            found += [
                [(float(x), -float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", part)]
                for part in parts
            ]
    return found


def bars(chart: Chart, colour: str) -> list[tuple[float, float]]:
    """(bottom, top) of each bar of a colour, from left to right."""
    edges = [(min(y for _, y in one), max(y for _, y in one)) for one in filled(chart, colour)]
    return edges[:-1]


def heights(chart: Chart, colour: str) -> list[float]:
    return [top - bottom for bottom, top in bars(chart, colour)]


def in_a_process(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


DRAW = """
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from usage_pipeline.metering.chart import Chart, Series, drawn
values = [(datetime(2024, 3, day, tzinfo=UTC), Decimal(day)) for day in range(1, 20)]
chart = Chart("日本", "GB", "day", "UTC", [Series("日本", values)], True, values[-1][0])
Path("chart.svg").write_bytes(drawn(chart, "svg"))
Path("chart.png").write_bytes(drawn(chart, "png"))
"""


def test_a_chart_names_its_metric_its_unit_its_customers_and_its_windows() -> None:
    found = texts(chart_of(series("Acme", 1, 2, 3), series("Globex", 4, 5, 6)))
    assert {"Storage", "GB", "Acme", "Globex", "days in Europe/Berlin"} <= {*found}
    assert {"1 Mar", "2 Mar", "3 Mar", "2024"} <= {*found}


def test_windows_are_named_in_the_time_zone_of_the_metric() -> None:
    values = [(datetime(2024, 2, 29, 23, tzinfo=UTC), Decimal(1))]
    assert "1 Mar" in texts(chart_of(Series("Acme", values)))


def test_numbers_on_the_axis_are_written_out() -> None:
    assert "12,000" in texts(chart_of(series("Acme", 12_000, 11_999)))
    assert "0.5" in texts(chart_of(series("Acme", "0.5", "0.25")))


@pytest.mark.parametrize(
    ("value", "unit", "label"),
    [
        ("5e9", "billions of GB", "5"),
        ("5e400", "10^399 GB", "50"),
        ("9e999999999999999999", "10^999999999999999999 GB", "8"),
        ("4e-12", "10^-12 GB", "4"),
    ],
)
def test_numbers_that_have_no_room_are_scaled_and_the_axis_says_so(
    value: str, unit: str, label: str
) -> None:
    found = texts(chart_of(series("Acme", value)))
    assert unit in found
    assert label in found


def test_bars_are_as_high_as_their_values() -> None:
    one, two, four = heights(chart_of(series("Acme", 1, 2, 4)), FIRST)
    assert two == pytest.approx(2 * one, abs=0.05)
    assert four == pytest.approx(4 * one, abs=0.05)


def test_values_that_add_up_stand_on_each_other_the_largest_at_the_bottom() -> None:
    chart = chart_of(series("small", 1, 2), series("large", 8, 4))
    lower, upper = bars(chart, FIRST), bars(chart, SECOND)
    assert [top for _, top in lower] == pytest.approx([bottom for bottom, _ in upper], abs=0.05)
    assert texts(chart).index("small") < texts(chart).index("large")


def test_what_is_below_zero_stands_below_zero() -> None:
    chart = chart_of(series("Acme", 6, 6), series("Globex", -2, 2))
    (zero, top), _ = bars(chart, FIRST)
    over, under = bars(chart, SECOND)
    assert under[1] == pytest.approx(zero, abs=0.05)
    assert over[0] == pytest.approx(top, abs=0.05)


def test_more_than_eight_customers_that_add_up_are_eight_and_others() -> None:
    chart = chart_of(*[series(f"customer {size}", size) for size in range(1, 13)])
    found = texts(chart)
    assert [name for name in found if name.startswith("customer")] == [
        f"customer {size}" for size in range(5, 13)
    ]
    assert "4 others" in found
    (of_others,), (of_largest,) = heights(chart, OTHERS), heights(chart, FIRST)
    assert of_others / of_largest == pytest.approx((1 + 2 + 3 + 4) / 12, rel=0.01)


def test_of_more_than_eight_that_do_not_add_up_the_chart_says_how_many_it_leaves_out() -> None:
    every = [series(f"customer {size}", size) for size in range(1, 13)]
    found = texts(chart_of(*every, adds_up=False))
    assert "the 8 largest of 12; 4 left out" in found
    assert "customer 5" in found
    assert "customer 4" not in found
    assert not any("other" in text for text in found)


def test_no_value_is_shown_as_that_and_zero_is_not() -> None:
    with_gap, with_zero = (chart_of(series("Acme", 5, middle, 5)) for middle in (None, 0))
    assert "no value" in texts(with_gap)
    assert "no value" not in texts(with_zero)
    band, _ = filled(with_gap, GAP)
    left, right = (filled(with_gap, FIRST)[at] for at in (0, 1))
    assert max(x for x, _ in left) < min(x for x, _ in band)
    assert max(x for x, _ in band) < min(x for x, _ in right)


def test_a_window_that_is_not_even_named_is_a_gap_too() -> None:
    values = [(start, Decimal(5)) for start in starts(9) if start.day != 4]
    assert "no value" in texts(chart_of(Series("Acme", values)))


def test_what_is_no_number_is_no_value() -> None:
    assert "no value" in texts(chart_of(series("Acme", 5, "NaN", "Infinity", 5)))


def test_a_line_has_a_gap_where_there_is_no_value() -> None:
    chart = chart_of(series("Acme", 1, 2, None, 3, 4, None, 5), adds_up=False)
    drawing = drawn(chart, "svg").decode()
    line = max(re.findall(r'<path d="([^"]*)"[^>]*stroke: #332288', drawing), key=len)
    assert [len(part.split("L")) for part in line.split("M ")[1:]] == [2, 2, 2]


@pytest.mark.parametrize("adds_up", [True, False])
def test_the_window_that_is_not_finished_is_hatched_and_named(adds_up: bool) -> None:
    chart = chart_of(series("Acme", 1, 2, 3), adds_up=adds_up, open_from=starts(3)[2])
    assert "not finished yet" in texts(chart)
    assert b"<pattern" in drawn(chart, "svg")


@pytest.mark.parametrize("open_from", [None, starts(4)[3]])
def test_where_all_windows_are_finished_none_is_hatched(open_from: datetime | None) -> None:
    chart = chart_of(series("Acme", 1, 2, 3), open_from=open_from)
    assert "not finished yet" not in texts(chart)
    assert b"<pattern" not in drawn(chart, "svg")


def test_bars_turn_into_areas_where_they_would_be_too_thin() -> None:
    assert len(bars(chart_of(*at_random(1, 400), window="hour"), FIRST)) > 390
    assert len(bars(chart_of(*at_random(1, 401), window="hour"), FIRST)) == 1


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("count", [500, 5000])
def test_areas_have_gaps_where_bars_would(count: int, named: bool) -> None:
    values: list[tuple[datetime, Decimal | None]]
    values = [(start, Decimal(5)) for start in starts(count, "hour")]
    middle = [(start, None) for start, _ in values[count // 3 : count // 2] if named]
    some = Series("Acme", [*values[: count // 3], *middle, *values[count // 2 :]])
    left, right, _ = filled(chart_of(some, window="hour"), FIRST)
    assert max(x for x, _ in left) < min(x for x, _ in right)


@pytest.mark.parametrize("adds_up", [True, False])
@pytest.mark.parametrize("count", [399, 1000, 1200, 20_000])
def test_a_picture_of_many_windows_stays_small(count: int, adds_up: bool) -> None:
    chart = chart_of(*at_random(8, count), window="hour", adds_up=adds_up)
    assert len(drawn(chart, "svg")) < 300_000


def test_a_peak_of_one_hour_among_years_of_them_is_drawn() -> None:
    begins = starts(20_000, "hour")
    values = [(start, Decimal(1)) for start in begins]
    values[12_345] = (begins[12_345], Decimal(100))
    shape, _ = filled(chart_of(Series("Acme", values), window="hour"), FIRST)
    top, base = max(y for _, y in shape), min(y for _, y in shape)
    usual = sorted(y for _, y in shape)[len(shape) // 2]
    assert (top - base) / (usual - base) == pytest.approx(100, rel=0.05)


@pytest.mark.parametrize("adds_up", [True, False])
def test_an_hour_alone_among_years_is_as_wide_as_a_line(adds_up: bool) -> None:
    hours = [starts(1, "hour", f"{year}-03-01T00:00Z")[0] for year in (1995, 2010, 2024)]
    some = Series("Acme", [(hour, Decimal(5)) for hour in hours])
    drawing = drawn(chart_of(some, window="hour", adds_up=adds_up), "svg").decode()
    mark = max(re.findall(r'<path d="[^"]*"[^>]*stroke: #332288[^>]*>', drawing), key=len)
    assert mark.count("M ") == 3
    assert "stroke-width: 0.5" in mark if adds_up else "stroke-linecap: square" in mark


@pytest.mark.parametrize("adds_up", [True, False])
@pytest.mark.parametrize("every", [[], [series("Acme")], [series("Acme", None, None)]])
def test_a_chart_without_values_says_so(every: Sequence[Series], adds_up: bool) -> None:
    assert "no values" in texts(chart_of(*every, adds_up=adds_up))


@pytest.mark.parametrize("adds_up", [True, False])
@pytest.mark.parametrize("value", [7, 0, -7])
@pytest.mark.parametrize("window", ["hour", "day", "week", "month"])
def test_one_window_is_a_chart(window: Window, value: int, adds_up: bool) -> None:
    found = texts(chart_of(series("Acme", value, window=window), window=window, adds_up=adds_up))
    assert {"Acme", str(value)} <= {*found}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("adds_up", [True, False])
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_breaks_a_chart_or_writes_to_the_terminal(
    text: str, adds_up: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    chart = chart_of(series(text, 1, 2), title=text, unit=text, adds_up=adds_up)
    every = texts(chart)
    assert drawn(chart, "png").startswith(b"\x89PNG")
    assert capfd.readouterr() == ("", "")
    assert all(len(one) <= 80 and one.isprintable() for one in every)


@pytest.mark.parametrize(
    "text",
    ["$x^2$", "<b>&amp;</b>", '<path d="M 1.23456 2"/>', "_internal", "שלום", "日本", "😀"],
)
def test_what_can_be_shown_is_shown_as_it_was_written(text: str) -> None:
    found = texts(chart_of(series(text, 1), title=text, unit=text))
    assert found.count(text) == 3


def test_what_cannot_be_printed_is_shown_as_its_escape() -> None:
    found = texts(chart_of(series("a\nb\x1b", 1)))
    assert r"a\nb\x1b" in found


def test_long_names_keep_their_begin_and_their_end() -> None:
    name = "ab" + "x" * 10_000 + "yz"
    short = next(text for text in texts(chart_of(series(name, 1))) if "…" in text)
    assert len(short) == 32
    assert short.startswith("abx")
    assert short.endswith("xyz")


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_same_chart_is_the_same_bytes(form: str, tmp_path: Path) -> None:
    chart = chart_of(*at_random(3, 50), window="hour", open_from=starts(50, "hour")[49])
    file, other = tmp_path / f"a.{form}", tmp_path / f"b.{form}"
    draw(chart, file)
    draw(chart, other)
    assert file.read_bytes() == other.read_bytes()


def test_charts_drawn_at_the_same_time_do_not_disturb_each_other() -> None:
    charts = [chart_of(series("Acme", 1, size)) for size in range(8)]
    alone = [drawn(chart, "svg") for chart in charts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda chart: drawn(chart, "svg"), charts)) == alone


def test_a_png_has_the_size_of_a_screen(tmp_path: Path) -> None:
    draw(chart_of(series("Acme", 1)), tmp_path / "chart.PNG")
    content = (tmp_path / "chart.PNG").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1500, 720)
    assert b"Software" not in content


def test_a_file_takes_the_place_of_the_last_and_leaves_nothing_beside(tmp_path: Path) -> None:
    file = tmp_path / "chart.svg"
    file.write_text("old")
    draw(chart_of(series("Acme", 1)), file)
    assert ElementTree.parse(file).getroot().tag == f"{SVG}svg"  # noqa: S314
    assert list(tmp_path.iterdir()) == [file]


def test_a_chart_can_be_read_by_whom_any_new_file_can(tmp_path: Path) -> None:
    draw(chart_of(series("Acme", 1)), tmp_path / "chart.svg")
    (tmp_path / "usual").touch()
    assert (tmp_path / "chart.svg").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "chart.svg").mkdir()
    with pytest.raises(OSError, match=r"chart\.svg"):
        draw(chart_of(series("Acme", 1)), tmp_path / "chart.svg")
    assert [*tmp_path.rglob("*")] == [tmp_path / "chart.svg"]


@pytest.mark.parametrize("name", ["chart.pdf", "chart", ".svg", "chart.svg.gz", "a\x1b.txt"])
def test_any_other_kind_of_file_is_refused_in_words(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownForm, match=r"as \.svg or \.png, not as '[^\x1b]+'"):
        draw(chart_of(series("Acme", 1)), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "environment", [{"HOME": "/dev/null"}, {"HOME": "/dev/null", "MPLCONFIGDIR": "/dev/null/x"}, {}]
)
def test_without_a_home_to_write_to_a_chart_is_drawn_silently_and_nothing_stays(
    environment: dict[str, str], tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    where = {"TMPDIR": str(temporary), "XDG_CACHE_HOME": "/dev/null/x", **environment}
    done = in_a_process(DRAW, tmp_path, **where)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {file.name for file in tmp_path.iterdir()} == {"chart.svg", "chart.png", "temporary"}
    assert list(temporary.iterdir()) == []


def test_a_home_gets_nothing_but_a_list_of_fonts_in_its_caches(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert in_a_process(DRAW, tmp_path, HOME=str(home)).returncode == 0
    first, *rest = (file for file in home.rglob("*") if file.is_file())
    assert rest == []
    assert first.parent == home / ".cache" / "usage-pipeline" / "matplotlib"


def test_settings_of_somebody_elses_charts_change_nothing(tmp_path: Path) -> None:
    plain, set_up = tmp_path / "plain", tmp_path / "set up"
    for folder in (plain, set_up):
        folder.mkdir()
    settings = "text.usetex: True\nfont.size: 30\nno such thing: 1\n"
    (set_up / "matplotlibrc").write_text(settings)
    for folder, seed in ((plain, "1"), (set_up, "2")):
        done = in_a_process(DRAW, folder, HOME=str(tmp_path), PYTHONHASHSEED=seed)
        assert (done.returncode, done.stderr) == (0, "")
    for name in ("chart.svg", "chart.png"):
        assert (plain / name).read_bytes() == (set_up / name).read_bytes()


def test_drawing_leaves_the_settings_of_the_process_as_they_were() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    drawn(chart_of(series("$x$", 1)), "svg")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("module", ["cli.metric_commands", "definitions", "metering.chart"])
def test_the_drawing_library_is_loaded_only_to_draw(module: str) -> None:
    code = f"import sys, usage_pipeline.{module}; sys.exit('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
