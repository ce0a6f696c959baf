"""Forecast pages: there without script, apart from measured numbers, and nowhere in the API."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from harness import evidence
from harness.forecast.forecaster import forecast
from harness.forecast.values import Kind, Task
from harness.progress import SILENT
from harness.site import addresses
from harness.site.build import Wish, build
from harness.site.data import forecasts
from harness.site.pages.render import static
from tests.support.registry_world import world


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forecasts")
    world(str(folder / "registry"), demonstration=True)
    build(Wish(str(folder / "registry"), folder / "site", date(2026, 11, 29)), SILENT)
    return folder / "site"


def test_each_published_device_and_each_listed_model_has_a_page_that_is_linked(site: Path) -> None:
    listed = forecasts.listed()
    front = (site / "forecast/index.html").read_text()
    links = re.findall(r'href="\.\./(forecast/(?:devices|models)/[^"]+)"', front)
    assert len(links) == len(set(links)) == sum(part.published for part in listed.parts) + len(listed.works)
    assert all((site / link).is_file() for link in links)


def test_a_table_of_forecasts_says_so_in_words_class_and_colour(site: Path) -> None:
    text = next((site / "forecast/devices").glob("geforce-rtx-4090-*.html")).read_text()
    assert "Forecasts, no measurements" in text
    assert "by a run whose signed record can be downloaded" not in text
    assert 'class="forecast"' in text
    assert 'class="stack forecasts"' in text
    assert "95 %:" in text
    sheet = static("site.css").decode()
    assert ".forecast { color: var(--forecast)" in sheet
    for theme in re.findall(r"--forecast: (#\w+)", sheet):
        assert sheet.count(theme) == 1  # no measured number has it


def test_of_a_memory_that_is_the_machines_the_most_that_is_sold_is_said_to_be_that(site: Path) -> None:
    own = next((site / "forecast/devices").glob("geforce-rtx-4090-*.html")).read_text()
    shared = next((site / "forecast/devices").glob("apple-m2-ultra-*.html")).read_text()
    assert "GB/s, 24 GiB (" in own
    assert "GB/s, from the machine's memory of 192 GiB at most (" in shared


def test_no_forecast_is_in_the_api_or_in_the_downloads(site: Path) -> None:
    for path in (site / "api").rglob("*.json"):
        assert "forecast" not in path.read_text().lower(), path
    assert "forecast" not in (site / "assets/rows.js").read_text().lower()


def test_what_its_memory_can_not_hold_gets_no_rate(site: Path) -> None:
    text = next((site / "forecast/devices").glob("geforce-rtx-2060-6-gb-*.html")).read_text()
    line = text[text.index("llama 70B") :].split("</tr>")[0]
    assert "more than its memory" in line
    assert "tok/s" not in line


def test_the_script_has_every_pair_with_its_class(site: Path) -> None:
    text = (site / "assets/forecasts.js").read_text()
    data = json.loads(text.removeprefix("window.REPRO_FORECASTS=").removesuffix(";\n"))
    assert len(data["devices"]) == len(data["cells"]) == len(set(data["devices"]))
    assert {kind for line in data["cells"] for cell in line for kind in cell[:2]} <= {"M~", "~", "E"}
    for line in data["cells"]:
        assert len(line) == len(data["models"])
        for _, _, _, _, middle, low_80, high_80, low_95, high_95, *_ in line:
            assert low_95 <= low_80 <= middle <= high_80 <= high_95


def test_each_rate_has_its_own_class(site: Path) -> None:
    found = forecasts.listed()
    pair = next(one for one in found.pairs.values() if one.decode_anchor is not one.prefill_anchor)
    for kind, own in ((Kind.DECODE, pair.decode_anchor), (Kind.PREFILL, pair.prefill_anchor)):
        task = Task(kind, 128 if kind is Kind.DECODE else forecasts.CONTEXT)
        assert forecast(evidence.forecaster(), pair.hardware, pair.work, task).anchor is own
    text = (site / addresses.listed("forecast/models", pair.work.model)).read_text()
    line = text[text.index(f"<bdi>{pair.hardware.name}</bdi>") :].split("</tr>")[0]
    decode, prefill = re.findall(r'<span class="forecast">(M~|~|E)</span>', line)
    assert (decode, prefill) == (pair.decode_anchor.value, pair.prefill_anchor.value)


def test_each_device_of_a_model_has_its_kernels_and_the_page_says_of_which_file(site: Path) -> None:
    work = next(one for one in forecasts.listed().works if one.model == "qwen2 7B")
    text = (site / addresses.listed("forecast/models", work.model)).read_text()
    assert f"of a file of {work.quantisation}, by llama.cpp (with the kernels beside each device" in text
    for name, kernels in (
        ("Radeon RX 9070 XT", "vulkan"),
        ("Radeon RX 7900 XTX", "rocm"),
        ("GeForce RTX 4090", "cuda"),
    ):
        line = text[text.index(f"<bdi>{name}</bdi>") :].split("</tr>")[0]
        assert f'<span class="muted">{kernels}</span>' in line


def test_the_second_ratio_is_what_the_bandwidths_make_of_the_hub() -> None:
    ratio = forecasts.memory_ratio(0.5, "GeForce RTX 4070 ×1", "GeForce RTX 4090 ×1")
    assert ratio == pytest.approx(0.5 / (504.2 / 1008), rel=0.01)
    assert forecasts.memory_ratio(None, "GeForce RTX 4070 ×1", "GeForce RTX 4090 ×1") is None
    assert forecasts.memory_ratio(0.5, "Synthetic GPU A ×1", "GeForce RTX 4090 ×1") is None
    assert (
        forecasts.memory_ratio(0.5, "GeForce RTX 4070 ×2", "GeForce RTX 4090 ×1") is None
    )  # whether it was split is not known
    # Sold with 448 and with 608 GB/s.
    assert forecasts.memory_ratio(0.5, "GeForce RTX 3060 Ti ×1", "GeForce RTX 4090 ×1") is None


def test_what_was_measured_near_a_row_is_of_its_device_and_its_model_first() -> None:
    part = forecasts.part_of("GeForce RTX 4090 ×1")
    assert part is not None
    near = forecasts.nearby(part, "llama", 8_030_000_000)
    assert {point.hardware.name for point in near} == {"GeForce RTX 4090"}
    assert near[0].work.model == "llama 8B"
    assert forecasts.part_of("GeForce RTX 4090 ×1 (10 of 29 layers) + AMD EPYC, 8 cores, 64 GiB") is None


def test_a_reproduction_shows_the_ratio_by_bandwidth_beside_its_own_and_counts_as_before(tmp_path: Path) -> None:
    made = world(str(tmp_path / "registry"))
    row = made.accepted("ann", sku="GeForce RTX 4090", rate=100.0)
    made.accepted("bob", row=row, sku="GeForce RTX 3090", rate=90.0)
    build(Wish(str(tmp_path / "registry"), tmp_path / "site", date(2026, 11, 29)), SILENT)
    text = (tmp_path / f"site/rows/{row[:16]}/index.html").read_text()
    shown = re.search(r'<span class="forecast">by bandwidth ([\d.]+)</span>', text)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(0.9 / (936.2 / 1008), abs=0.02)
    assert "it counts for nothing" in text
    assert "What runs on this device" in text
    device = next((tmp_path / "site/devices").glob("geforce-rtx-4090-*.html")).read_text()
    assert "Forecasts of what runs on it" in device
    told = json.loads((tmp_path / f"site/api/v1/rows/{row}.json").read_text())
    assert "bandwidth" not in json.dumps(told["reproductions"])
