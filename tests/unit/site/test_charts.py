"""Charts stay in their frame, say what the numbers say, and survive any data and any label."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import units
from harness.site.draw import charts, svg
from harness.site.draw.charts.scale import LEAST_SPAN, fitted
from harness.site.draw.charts.text_width import breadth, shorten

BAND = (0.9, 1.1)
HOSTILE = "<script>alert(1)</script>&\"'\x00\ud800" + "W" * 300
RANDOM = np.random.default_rng(7)
ITL = 11e6 * (1 + 0.03 * RANDOM.standard_normal((30, 128)))
ITL[RANDOM.random(ITL.shape) < 0.01] *= 2.6
WARM_UP = ITL[:2] * np.where(np.arange(128) < 4, 4.0, 1.05)

finite = st.floats(-1e12, 1e12, allow_nan=False)
positive = st.one_of(st.floats(0, 1e12), st.floats(0, 1e-9), st.just(11.0))
samples = st.lists(positive, max_size=50).map(lambda values: np.array(values, np.float64))
names = st.one_of(st.text(max_size=60), st.just(HOSTILE))
marks = st.sampled_from(["inside", "outside", "inconclusive", "pending", "?"])
maybe = st.one_of(st.none(), positive)

STEPS = {"M": "xy", "L": "xy", "H": "x", "V": "y", "l": "xy", "h": "x", "v": "y", "m": "xy"}


def path_points(d):
    """Where a path goes, by its own small grammar."""
    x = y = 0.0
    for letter, rest in re.findall(r"([A-Za-z])([^A-Za-z]*)", d):
        given_numbers = [float(number) for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", rest)]
        if letter == "z":
            continue
        axes = STEPS[letter]
        assert given_numbers
        assert len(given_numbers) % len(axes) == 0, (letter, rest)
        for i in range(0, len(given_numbers), len(axes)):
            for axis, number in zip(axes, given_numbers[i : i + len(axes)], strict=True):
                x, y = (
                    (number if letter.isupper() else x + number, y)
                    if axis == "x"
                    else (x, number if letter.isupper() else y + number)
                )
            yield x, y


def text_box(element):
    broad, x, y = breadth(element.text or ""), float(element.get("x")), float(element.get("y"))
    start = {"middle": x - broad / 2, "end": x - broad}.get(element.get("text-anchor"), x)
    return start, y - 11, start + broad, y + 3


def corners(element):
    at = {name: float(element.get(name, "0")) for name in ("x", "y", "cx", "cy", "r", "width", "height")}
    match element.tag:
        case "path":
            return list(path_points(element.get("d")))
        case "circle":
            return [(at["cx"] - at["r"], at["cy"] - at["r"]), (at["cx"] + at["r"], at["cy"] + at["r"])]
        case "rect":
            assert at["width"] >= 0
            assert at["height"] >= 0
            return [(at["x"], at["y"]), (at["x"] + at["width"], at["y"] + at["height"])]
        case "text":
            left, top, right, bottom = text_box(element)
            return [(left, top), (right, bottom)]
        case _:
            return []


def check(drawing):
    """A drawing that is well formed, stays inside its frame, overlaps no text, and keeps to classes that the stylesheet knows."""
    root = ElementTree.fromstring(drawing)
    _, _, width, height = map(float, root.get("viewBox").split())
    assert root.find("title").text is not None
    assert root.find("desc").text
    for element in root.iter():
        assert element.tag in {"svg", "title", "desc", "g", "path", "circle", "rect", "text"}
        assert not {"style", "onload", "href"} & set(element.keys())
        assert set(re.findall(r"[fs]-(\w+)", element.get("class", ""))) <= set(svg.TOKENS)
        for x, y in corners(element):
            assert -0.11 <= x <= width + 0.11, ElementTree.tostring(element)
            assert -0.11 <= y <= height + 0.11, ElementTree.tostring(element)
    boxes = [text_box(element) for element in root.iter("text")]
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            assert apart, (one, other)
    return root


def all_charts(name="Qwen2.5-0.5B on llama.cpp"):
    spread = {"title": name, "fmt": units.duration, "key": "c"}
    ratios = [
        (f"{name} {i}", 1 + i / 40 - 0.03, 1 + i / 40, 1 + i / 40 + 0.03, mark)
        for i, mark in enumerate(("inside", "outside", "inconclusive", "pending"))
    ]
    return {
        "box": charts.box([(name, ITL[0]), ("b", ITL[1]), ("few", ITL[2, :9]), ("none", ITL[0, :0])], **spread),
        "ecdf": charts.ecdf([(name, ITL[0]), ("b", ITL[1]), ("few", ITL[2, :9])], **spread),
        "trace": charts.trace(ITL, WARM_UP, **spread),
        "against_band": charts.against_band(ratios * 3, BAND, title=name, key="c"),
        "curve": charts.curve(
            [(2.0**i, 90.0 * i + 80, 85.0 * i + 75, 95.0 * i + 85) for i in range(7)],
            title=name, x_label=name, y_label=name, fmt=units.rate, key="c",
        ),
        "bars": charts.bars([(name, 412.3, 405.0, 420.0), ("b", 88.2, None, None)], title=name, fmt=units.rate, key="c"),
    }  # fmt: skip


@pytest.mark.parametrize("name", list(all_charts()))
def test_a_usual_chart_is_sound_small_and_the_same_each_time(name):
    chart = all_charts()[name]
    check(chart.svg)
    assert len(chart.svg) < 7_000
    assert chart == all_charts()[name]
    assert all(len(row) == len(chart.head) for row in chart.rows)


@pytest.mark.parametrize("name", list(all_charts()))
def test_hostile_labels_are_text(name):
    chart = all_charts(HOSTILE)[name]
    root = check(chart.svg)
    assert not list(root.iter("script"))
    assert "<script" not in chart.svg
    if name not in {"trace", "curve"}:
        assert chart.rows[0][0].startswith(HOSTILE)


def test_empty_input_says_no_data():
    plain = {"title": "t", "fmt": units.rate, "key": "k"}
    empty = np.empty(0)
    for chart in (
        charts.box([], **plain),
        charts.box([("a", empty)], **plain),
        charts.ecdf([], **plain),
        charts.ecdf([("a", empty)], **plain),
        charts.trace(np.empty((0, 5)), None, **plain),
        charts.trace(np.empty((3, 0)), np.empty((1, 0)), **plain),
        charts.against_band([], BAND, title="t", key="k"),
        charts.curve([], x_label="x", y_label="y", **plain),
        charts.bars([], **plain),
    ):
        assert check(chart.svg).find("g/text").text == "no data"
        assert chart.rows == ()


@pytest.mark.parametrize("value", [0.0, 1e-9, 5e-324, 11e6, 1e15, 1e18])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_equal_values_need_no_range(value, count):
    plain = {"title": "t", "fmt": units.duration, "key": "k"}
    values = np.full(count, value)
    check(charts.box([("a", values), ("b", values)], **plain).svg)
    check(charts.ecdf([("a", values), ("b", values)], **plain).svg)
    check(charts.trace(values[:, None], values[:, None], **plain).svg)
    check(charts.trace(values[None, :], None, **plain).svg)
    check(charts.curve([(value, value, value, value)] * count, x_label="x", y_label="y", **plain).svg)
    check(charts.bars([("a", value, value, value)] * count, **plain).svg)
    check(charts.against_band([("a", value, value, value, "outside")] * count, BAND, title="t", key="k").svg)


def test_the_table_of_a_box_plot_has_the_true_quantiles():
    (row,) = charts.box([("a", ITL[0])], title="t", fmt=units.duration, key="k").rows
    wanted = np.quantile(ITL[0], (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1))
    assert row == ("a", "128", *(units.duration(float(value)) for value in wanted))


def test_the_table_of_an_ecdf_has_the_true_quantiles():
    chart = charts.ecdf([("a", ITL[0]), ("b", ITL[1])], title="t", fmt=units.duration, key="k")
    for row, values in zip(chart.rows, ITL, strict=False):
        wanted = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99))
        assert row[1:] == tuple(units.duration(float(value)) for value in wanted)


def test_the_table_of_a_trace_has_the_true_quantiles():
    chart = charts.trace(ITL, WARM_UP, title="t", fmt=units.duration, key="k")
    assert [row[0] for row in chart.rows] == [str(i) for i in range(1, 129, 8)]
    for row, i in zip(chart.rows, range(0, 128, 8), strict=True):
        wanted = [*np.quantile(ITL[:, i], (0.5, 0.05, 0.95)), np.median(WARM_UP[:, i])]
        assert row[1:] == tuple(units.duration(float(value)) for value in wanted)


def test_few_trials_give_their_range_not_their_5_percent_point():
    chart = charts.trace(ITL[:5], None, title="t", fmt=units.duration, key="k")
    assert "lowest to highest" in chart.svg
    assert chart.rows[0][2:] == (units.duration(ITL[:5, 0].min()), units.duration(ITL[:5, 0].max()), "–")


def test_long_traces_are_binned():
    chart = charts.trace(np.tile(ITL, 16), None, title="t", fmt=units.duration, key="k")
    assert len(chart.svg) < 7_000
    assert chart.rows[0][0] == "1 to 16"
    check(chart.svg)


def test_what_a_trace_clips_is_marked_and_its_most_is_told():
    usual = charts.trace(np.full((3, 64), 11e6), None, title="t", fmt=units.duration, key="k").svg
    late = np.full((3, 64), 11e6)
    late[:, 30] = 44e6
    spiked = charts.trace(late, None, title="t", fmt=units.duration, key="k").svg
    assert "beyond" not in usual
    assert "beyond, up to 44.00 ms" in spiked


def test_a_far_value_of_a_box_plot_is_an_arrow_with_its_number():
    values = np.append(np.linspace(10e6, 12e6, 60), 60e6)
    drawing = charts.box([("a", values)], title="t", fmt=units.duration, key="k").svg
    assert "max 60.00 ms" in drawing


def test_verdicts_differ_in_shape_without_their_colour():
    shapes = set()
    for mark in ("inside", "outside", "inconclusive", "pending"):
        drawing = charts.inline_band(None, 1.0, None, mark, BAND, key="k")
        check(drawing)
        hollow = "f-panel s-" in drawing
        shapes.add((re.sub(r'class="[^"]*"|<title.*?</desc>', "", drawing), hollow))
    assert len({shape for shape, _ in shapes}) == 4


def test_ratios_beyond_the_axis_become_arrows():
    near = charts.inline_band(0.95, 1.0, 1.05, "inside", BAND, key="k")
    far = charts.inline_band(1.5, 2.0, 2.5, "outside", BAND, key="k")
    assert near.count('z"') == 0
    assert re.search(r'd="M139 12l-5-5v10z"', far)


def test_the_axis_of_ratios_always_shows_the_band():
    drawing = charts.against_band([("a", 0.999, 1.0, 1.001, "inside")], BAND, title="t", key="k").svg
    shown = [element.text for element in ElementTree.fromstring(drawing).iter("text")]
    assert {"0.9", "1", "1.1"} <= set(shown)


def test_more_rows_than_are_drawn_are_in_the_table():
    chart = charts.bars([(f"r{i}", float(i), None, None) for i in range(45)], title="t", fmt=units.rate, key="k")
    check(chart.svg)
    assert len(chart.rows) == 45
    assert "and 5 more in the table" in chart.svg


def test_a_wide_range_of_x_doubles_from_tick_to_tick():
    drawing = all_charts()["curve"].svg
    shown = [element.text for element in ElementTree.fromstring(drawing).iter("text")]
    assert {"1", "2", "4", "8", "16", "32", "64"} <= set(shown)


def test_memory_has_round_mebibytes():
    chart = charts.bars(
        [("a", 6000.0 * 2**20, None, None)], title="t", fmt=lambda value: units.memory(int(value)), key="k"
    )
    assert ">2,000 MiB<" in chart.svg


@given(finite, finite)
def test_an_axis_has_three_to_five_round_ticks(one, other):
    low, high = sorted((one, other))
    scale = fitted(low, high, 0, 500)
    assert 3 <= len(scale.ticks) <= 5
    assert scale.low <= low + 1e-6 * abs(low) + 1e-200
    assert scale.high >= high - 1e-6 * abs(high) - 1e-200
    step = scale.ticks[1] - scale.ticks[0]
    if step > 1e-200:
        leading = step / 10 ** np.floor(np.log10(step) + 1e-6)
        assert min(abs(leading - round_one) for round_one in (1, 2, 5)) < 1e-3
    assert scale.high - scale.low >= LEAST_SPAN * max(abs(low), abs(high)) * 0.99


@given(names, st.floats(20, 300))
def test_a_shortened_label_fits(name, room):
    assert breadth(shorten(name, room)) <= room + 1e-6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(names, samples), max_size=6))
def test_distributions_of_anything(groups):
    check(charts.box(groups, title="t", fmt=units.duration, key="k").svg)
    check(charts.ecdf(groups, title="t", fmt=units.rate, key="k").svg)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 25),
    st.integers(1, 40),
    st.integers(0, 3),
    st.floats(1e-3, 1e12),
    st.floats(0, 3),
    st.integers(0, 99),
)
def test_traces_of_anything(trials, tokens, early, size, noise, seed):
    random = np.random.default_rng(seed)
    values = size * np.exp(noise * random.standard_normal((trials, tokens)))
    check(charts.trace(values, values[:early], title="t", fmt=units.duration, key="k").svg)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(names, maybe, st.one_of(positive, st.floats(0.8, 1.2)), maybe, marks), max_size=12))
def test_ratios_of_anything(items):
    chart = charts.against_band(items, BAND, title="t", key="k")
    check(chart.svg)
    for row, (_, low, ratio, high, mark) in zip(chart.rows, items, strict=True):
        assert row[1] == units.ratio(ratio)
        check(charts.inline_band(low, ratio, high, mark, BAND, key="k"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(positive, positive, maybe, maybe), max_size=12), names)
def test_curves_of_anything(points, label):
    check(charts.curve(points, title="t", x_label=label, y_label=label, fmt=units.rate, key="k").svg)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(names, finite, maybe, maybe), max_size=12))
def test_bars_of_anything(items):
    check(charts.bars(items, title="t", fmt=units.rate, key="k").svg)
