"""`/forecast/`: what runs on a device, which device runs a model. Never in the table, colour or sort of measured numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.catalog.devices import GIB
from harness.forecast.tables import Pair
from harness.site import addresses
from harness.site.data.forecasts import CONTEXT, Listed, Part, listed
from harness.site.data.values import File, Site
from harness.site.pages.render import page
from harness.tiers.anchor import WORDS, Anchor

CLASSES = (Anchor.NEARBY, Anchor.EXTRAPOLATED, Anchor.ESTIMATED)


def files(site: Site) -> Iterator[File]:
    """The front page, a page for each device that something was published of and for each listed model, and the script's data."""
    found = listed()
    shown = {"context": CONTEXT, "found": found, "classes": [(one, WORDS[one]) for one in CLASSES]}
    path = "forecast/index.html"
    own = [part for part in found.parts if part.published]
    yield path, page("forecast.html", path, site, parts=own, **shown)
    for part in own:
        path = addresses.listed("forecast/devices", part.device.sku)
        lines = [
            (work.model, addresses.listed("forecast/models", work.model), *_of(found, part, work.model))
            for work in found.works
        ]
        title = f"What runs on {part.device.sku}"
        yield (
            path,
            page("forecast_table.html", path, site, title=title, of="Model", lines=_fitting(lines), part=part, **shown),
        )
    for work in found.works:
        path = addresses.listed("forecast/models", work.model)
        lines = [
            (part.device.sku, addresses.listed("forecast/devices", part.device.sku), *_of(found, part, work.model))
            for part in own
        ]
        title = f"Which device runs {work.model}"
        yield (
            path,
            page(
                "forecast_table.html",
                path,
                site,
                title=title,
                of="Device",
                lines=_fitting(lines),
                part=None,
                work=work,
                **shown,
            ),
        )
    yield "assets/forecasts.js", f"window.REPRO_FORECASTS={_data(found)};\n".encode()


Line = tuple[str, str, Pair, bool]  # name, address, forecast, whether its memory holds it


def _of(found: Listed, part: Part, model: str) -> tuple[Pair, bool]:
    pair = found.pairs[part.device.sku, model]
    return pair, part.holds(pair)


def _fitting(lines: list[Line]) -> list[Line]:
    """What is held first; else as they came."""
    return sorted(lines, key=lambda line: not line[3])


def _data(found: Listed) -> str:
    """For the script: names; of each device its kernels; of each pair both classes, GiB that it holds, whether that fits, five
    numbers of each rate.
    """
    cells = [[_cell(found, part, work.model) for work in found.works] for part in found.parts]
    told = {
        "context": CONTEXT,
        "devices": [part.device.sku for part in found.parts],
        "kernels": [part.hardware.family for part in found.parts],
        "models": [f"{work.model}, {work.quantisation}" for work in found.works],
        "cells": cells,
    }
    return json.dumps(told, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


def _cell(found: Listed, part: Part, model: str) -> list[object]:
    pair, held = _of(found, part, model)
    rates = [
        float(f"{value:.3g}")
        for rate in (pair.decode, pair.prefill)
        for value in (rate.middle, rate.low_80, rate.high_80, rate.low_95, rate.high_95)
    ]
    return [pair.decode_anchor.value, pair.prefill_anchor.value, round(pair.held_bytes / GIB, 1), held, *rates]
