"""What each column of the downloads' table `rows` is: `models.ListedRow`, a line a row."""

from __future__ import annotations

from harness.record.columns import Column, flag, integer, number, text
from harness.registry.queries import columns as known
from harness.tiers.values import Source, Tier

_RATE = "tokens/s"

ROWS: tuple[Column, ...] = (
    known.ROW,
    text("model_name", "name of the model; null where the record names none", nullable=True),
    known.WEIGHTS,
    known.QUANTISATION,
    known.ENGINE,
    known.RUNTIME_SERIES,
    known.DEVICE,
    known.OS_FAMILY,
    text("workload_title", "suite, headline and settings that change the computation"),
    known.WORKLOAD_KEY,
    known.STATE,
    text("tier", "of the row; null where it has none", nullable=True, values=tuple(Tier)),
    known.CONTESTED,
    text("operator", "handle of the hub's operator"),
    text("source", "who measured the hub", values=tuple(Source)),
    known.MEASURED_ON,
    known.ENTRY,
    number("decode_tokens_per_s", "decode rate of the headline", _RATE, nullable=False),
    number("decode_ci95_low_tokens_per_s", "low end of its 95 % interval over processes", _RATE),
    number("decode_ci95_high_tokens_per_s", "high end of it", _RATE),
    integer("ttft_ns", "time to first token of the headline", "ns", nullable=True),
    number("prefill_tokens_per_s", "prefill rate of the headline", _RATE),
    integer("processes", "that the decode rate rests on", "processes"),
    number("decode_log_mean", "mean of ln(tokens/s) of the processes' medians", "ln(tokens/s)", nullable=False),
    number("decode_log_variance", "their sample variance", "ln(tokens/s)²", nullable=False),
    flag("fixed_number", "whether the number of processes was chosen beforehand"),
    integer("persons_inside", "who reproduced it inside the band", "persons"),
    integer("persons_outside", "whose reproductions are outside", "persons"),
    integer("persons_independent", "of those inside, on a distinct hardware class", "persons"),
    integer("records_pending", "that no editor has decided on", "records"),
    text("operators", "handles of all its public records, the hub's first, ', ' between"),
    text("status_changes_on", "the first day on which its age reads otherwise, YYYY-MM-DD"),
    flag("under_review", "operators asked editors to look at it: its tier is held"),
)
