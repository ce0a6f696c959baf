"""The headline's token gaps of a record, from its samples: what near-duplicates are looked for in."""

from __future__ import annotations

import numpy as np

from harness.errors import RecordInvalid
from harness.measure.trial import Purpose
from harness.record.samples import decode
from harness.record.schema import Record
from harness.tiers.gaps import Gaps


def gaps_of(record: Record, samples: bytes) -> Gaps:
    """Shape (trials, tokens − 1), ns; of the timed, valid trials of one length. Raises `RecordInvalid`."""
    columns = decode(samples, record.samples.sha256, "samples")
    rows = [
        np.asarray(columns["token_ns"][i], dtype=np.int64)
        for i, workload in enumerate(columns["workload"])
        if workload == record.suite.headline
        and columns["purpose"][i] == Purpose.TIMED.value
        and not columns["invalid_reason"][i]
    ]
    if not rows or len({row.size for row in rows}) != 1 or rows[0].size < 2:
        raise RecordInvalid("its headline has no trials of one length", where="samples")
    stamps = np.stack(rows)
    gaps: Gaps = stamps[:, 1:] - stamps[:, :-1]
    return gaps
