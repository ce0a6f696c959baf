"""What each column of a registry's tables is: those of `harness.registry`, and of what its site offers for download."""

from __future__ import annotations

from harness.record.columns import Column, flag, integer, number, text
from harness.tiers.values import State, Status, Tier

ROW = text("row", "id of the row: the record id of its hub")
RECORD = text("record", "id of the record: sha256 of its bytes")
ENTRY = integer("entry", "place in the log of the event that submitted it")
OPERATOR = text("operator", "handle")
RIG_KEY = text("rig_key", "public key of the machine, hexadecimal")
WEIGHTS = text("weights_sha256", "digest of the weights, as the record names it")
MODEL_NAME = text("model_name", "name of the model; empty where the record names none")
QUANTISATION = text("quantisation", "label of the weights' quantisation")
ENGINE = text("engine", "the program that computes")
WORKLOAD_KEY = text("workload_key", "sha256 of the suite / headline, and settings that change the computation")
DEVICE = text("device", "what computed: each device and its count, or processor, usable cores and memory tier")
GENERATION = text("generation", "of the device")
OS_FAMILY = text("os_family", "operating system")
RUNTIME_SERIES = text("runtime_series", "engine and version series")
MEASURED_ON = text("measured_on", "day, YYYY-MM-DD")
MISSING = text("missing_fields", "mandatory fields that the record lacks, '; ' between")
FAILED = text("failed_checks", "checks that the record fails, '; ' between")
VERSIONS = text("versions", "JSON: axis → version")
SAMPLES = text("samples_sha256", "of the samples file")
STATE = text("state", "of the row", values=tuple(State))
TIER = text("tier", "of the row; empty where it has none", values=("", *Tier))
CONTESTED = flag("contested", "as many persons outside as inside, one of them independent")

ROWS: tuple[Column, ...] = (
    ROW, MODEL_NAME, QUANTISATION, ENGINE, DEVICE, WORKLOAD_KEY, STATE, TIER, CONTESTED,
    integer("records", "how many the row has, its hub included", "records"),
)  # fmt: skip
RECORDS: tuple[Column, ...] = (
    ROW, RECORD, ENTRY, text("status", "what editors said of the record", values=tuple(Status)), OPERATOR, RIG_KEY, WEIGHTS,
    MODEL_NAME, QUANTISATION, ENGINE, WORKLOAD_KEY, DEVICE, GENERATION, OS_FAMILY, RUNTIME_SERIES,
    integer("processes", "that its decode rate rests on", "processes"), MEASURED_ON,
    flag("fixed_number", "whether the number of processes was chosen beforehand"), MISSING, FAILED,
    flag("editorial", "whether its operator was an editor"), VERSIONS, SAMPLES,
    number("decode_tokens_per_s", "mean of the headline's process medians", "tokens/s", nullable=False),
)  # fmt: skip
TIER_COUNTS: tuple[Column, ...] = (STATE, TIER, integer("rows", "how many rows have both", "rows"))
# A line a public record: column of the table `records` → what the site's downloads call it.
PUBLIC_RECORDS: dict[str, Column] = {
    "id": RECORD, "row": ROW, "idx": ENTRY, "operator": OPERATOR, "rig": RIG_KEY, "model": WEIGHTS, "model_name": MODEL_NAME,
    "quantisation": QUANTISATION, "engine": ENGINE, "workload": WORKLOAD_KEY, "sku": DEVICE, "generation": GENERATION,
    "os_family": OS_FAMILY, "runtime_series": RUNTIME_SERIES, "measured": MEASURED_ON,
    "medians": text("decode_medians_micro_tokens_per_s", "of the headline, one a process, ',' between; millionths of tokens/s"),
    "missing": MISSING, "failed": FAILED, "versions": VERSIONS, "samples_sha256": SAMPLES,
}  # fmt: skip
