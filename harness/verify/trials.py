"""Trials as the columns of the samples file, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.errors import RecordInvalid
from harness.measure.trial import Mode, Purpose, Trial

_PLAIN = ("process", "order", "workload", "prompt_tokens", "output_tokens", "start_ns", "invalid_reason")


def columns_of(trials: Sequence[Trial]) -> dict[str, list[Any]]:
    """One entry a trial, in order of process and position."""
    ordered = sorted(trials, key=lambda t: (t.process, t.order))
    columns: dict[str, list[Any]] = {name: [getattr(t, name) for t in ordered] for name in _PLAIN}
    columns["purpose"] = [t.purpose.value for t in ordered]
    columns["mode"] = [t.mode.value for t in ordered]
    columns["token_ns"] = [t.token_ns.tolist() for t in ordered]
    columns["step_ns"] = [t.step_ns.tolist() for t in ordered]
    columns["output_ids"] = [list(t.output_ids) for t in ordered]
    columns["counters"] = [sorted(t.counters.items()) for t in ordered]
    columns["engine"] = [sorted(t.engine.items()) for t in ordered]
    return columns


def trials_of(columns: Mapping[str, Sequence[Any]], where: str) -> list[Trial]:
    """The trials of a samples file. Raises `RecordInvalid` for words that are not ours."""
    found = []
    try:
        for row in zip(*(columns[name] for name in columns), strict=True):
            item = dict(zip(columns, row, strict=True))
            found.append(
                Trial(
                    **{name: item[name] for name in _PLAIN},
                    purpose=Purpose(item["purpose"]),
                    mode=Mode(item["mode"]),
                    token_ns=np.asarray(item["token_ns"], dtype=np.int64),
                    step_ns=np.asarray(item["step_ns"], dtype=np.int64),
                    output_ids=tuple(np.asarray(item["output_ids"], dtype=np.int64).tolist()),
                    counters=dict(item["counters"]),
                    engine=dict(item["engine"]),
                )
            )
    except (ValueError, TypeError, KeyError) as error:
        raise RecordInvalid(f"a row of the samples can't be read ({error})", where=where) from error
    return found
