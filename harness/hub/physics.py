"""Whether a record's rates are possible: bounds from the device table and the model's own bytes, never from one fixed maximum."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog import devices
from harness.record.schema import Record
from harness.tiers.physics import decode_ceiling, prefill_ceiling

SLACK = 1.02  # a stated bandwidth is a round number


def possible(record: Record) -> Iterator[str]:
    """A sentence for each rate above what its devices can do. Silent where a device is not in the table."""
    gpus = [d for d in record.runtime.devices if d.kind not in ("cpu", "local-server", "server")]
    if not gpus or record.runtime.settings.get("gpu_layers") == 0:
        return
    found = [
        devices.find(gpu.name, gpu.memory_bytes) or devices.find(gpu.description, gpu.memory_bytes) for gpu in gpus
    ]
    known = [device for device in found if device is not None]
    if len(known) != len(gpus):
        return
    name = ", ".join(sorted({device.sku for device in known})) + (f" ×{len(known)}" if len(known) > 1 else "")
    slowest = min(device.bandwidth_bytes_per_s for device in known)
    for workload in record.workloads:
        decode, prefill = record.result(workload.id, "decode_rate"), record.result(workload.id, "prefill_rate")
        size, parameters = record.model.get("bytes_per_token"), record.model.get("parameters")
        if decode is not None and decode.estimate is not None and isinstance(size, int) and size > 0:
            bound = decode_ceiling(slowest, len(known), size) * (workload.concurrency or 1) * SLACK
            rate = decode.estimate.point / 1e6
            if rate > bound:
                yield f"{workload.id}: decodes {rate:.1f} tokens/s, memory of {name} allows {bound:.1f}"
        peaks = [peak for device in known if (peak := max(device.peak_flops.values(), default=0))]
        if (
            prefill is not None
            and prefill.estimate is not None
            and isinstance(parameters, int)
            and len(peaks) == len(known)
        ):
            bound = prefill_ceiling(min(peaks), len(known), parameters) * SLACK
            rate = prefill.estimate.point / 1e6
            if rate > bound:
                yield f"{workload.id}: prefills {rate:.0f} tokens/s, arithmetic of {name} allows {bound:.0f}"
