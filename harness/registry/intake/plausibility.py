"""Whether a record's rates are possible: bounds from the device table and the model's own bytes, never from one fixed maximum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.catalog import devices
from harness.record.schema import Record
from harness.record.settings import tokens_a_pass
from harness.registry.intake.hardware import computing
from harness.tiers.physics import Ceiling, decode_ceiling, impossible, prefill_ceiling

MARGIN = 0.05  # stated bandwidths are round numbers: Apple's 100 GB/s are 102.4


def possible(record: Record, only: str = "") -> Iterator[str]:
    """A sentence for each rate above what its devices can do, of every workload or `only` of one. Silent where a device is not in
    the table, or nothing bounds its memory.
    """
    gpus, split = computing(record)
    if not gpus:
        return
    found = [devices.called(gpu.name, gpu.description, gpu.memory_bytes) for gpu in gpus]
    known = [device for device in found if device is not None]
    if len(known) != len(gpus):
        return
    counts = sorted(Counter(device.sku for device in known).items())
    name = ", ".join(f"{sku} ×{count}" if count > 1 else sku for sku, count in counts)
    bounds = [device.bound_bytes_per_s for device in known]
    together = None if None in bounds else sum(bound for bound in bounds if bound is not None)
    peaks = [max(device.peak_flops.values()) for device in known if device.peak_flops]
    if split is not None:
        # Layers follow one another: no mix of the parts is faster than all of them side by side.
        memory, operations_per_s = _processor(record)
        if memory is None:
            return
        together, name = None if together is None else together + memory, f"{name} and the main memory"
        peaks = [*peaks, operations_per_s] if operations_per_s is not None else []
    parts = len(known) + (split is not None)
    # A run may read less than the file holds: its engine may have narrowed the weights.
    sizes = (record.model.get("bytes_per_token"), record.derived.get("bytes_per_token"))
    size = min((n for n in sizes if isinstance(n, int)), default=None) if isinstance(sizes[0], int) else None
    operations = record.model.get("prefill_operations_per_token")
    passes = tokens_a_pass(record)
    for workload in record.workloads:
        if only not in ("", workload.id):
            continue
        rates = {
            metric: measured.estimate.point / 1e6
            for metric in ("decode_rate", "prefill_rate")
            if (measured := record.result(workload.id, metric)) is not None and measured.estimate is not None
        }
        if (
            together is not None
            and passes is not None
            and "decode_rate" in rates
            and isinstance(size, int)
            and size > 0
        ):
            # Requests at once share a reading of the weights, and so do the tokens of a draft that is declared.
            bound = decode_ceiling(together * (workload.concurrency or 1) * passes, 1, size)
            said = impossible(rates["decode_rate"], Ceiling(bound, f"the memory of {name}"), MARGIN)
            if said:
                yield f"{workload.id}: decode of {said}"
        if "prefill_rate" in rates and isinstance(operations, int) and operations > 0 and len(peaks) == parts:
            bound = prefill_ceiling(sum(peaks), 1, operations / 2)
            said = impossible(rates["prefill_rate"], Ceiling(bound, f"the arithmetic of {name}"), MARGIN)
            if said:
                yield f"{workload.id}: prefill of {said}"


def _processor(record: Record) -> tuple[int | None, float | None]:
    """Bytes and operations a second at most of the machine's processor, as the run measured and bounded them."""
    measured, peak = (record.derived.get(name) for name in ("measured_bandwidth", "peak_arithmetic"))
    rates = [rate for name, rate in (measured or {}).items() if name.endswith("bytes_per_s") and isinstance(rate, int)]
    operations = (peak or {}).get("operations_per_s")
    return max(rates, default=None), operations if isinstance(operations, int) else None
