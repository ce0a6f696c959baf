"""A stored record as the tier rules look at it. The only place that knows both the record and the rules."""

from __future__ import annotations

from datetime import date
from typing import Any

from harness.catalog import devices as table
from harness.device_kinds import SERVERS
from harness.errors import BadInput
from harness.measure.stopping import Rule
from harness.record import settings
from harness.record.schema import Check, Device, Record
from harness.record.store import Stored
from harness.registry.intake.facts_told import part_of, value_of
from harness.registry.intake.hardware import computing, hardware_of, is_software
from harness.registry.intake.plausibility import possible
from harness.tiers.values import Measurement, Source, Status, Subject
from harness.verify.checks import CHECKS, About, check_of

__all__ = ["hardware_of", "measurement_of", "versions_of"]

LEAST_BITS = 0.05  # read for each parameter of a model: 4 bits of one expert in 80


def measurement_of(
    stored: Stored, *, source: Source = Source.COMMUNITY, status: Status = Status.ACCEPTED, synthetic: bool = False
) -> Measurement:
    """What the rules need of a record. Raises `BadInput`: synthetic (unless that may be), no headline, unknown hardware."""
    record, where = stored.record, str(stored.path.parent)
    headline = record.headline
    if record.run.synthetic and not synthetic:
        raise BadInput("is synthetic: it was never a measurement", where=where, fix="name records of real runtimes")
    if headline is None or headline.estimate is None:
        raise BadInput("has no decode rate of its headline workload", where=where, fix="measure it again")
    operator = record.operator
    return Measurement(
        id=stored.id,
        # Without a signature nobody can be told from anybody: each such record is a voice of its own, and shown as such.
        operator=operator.handle if operator is not None else f"unsigned {stored.id[:12]}",
        rig=operator.rig_key if operator is not None else f"unsigned {stored.id[:12]}",
        subject=Subject(
            model=_text(record, "sha256"),
            quantisation=_text(record, "quantisation"),
            engine=record.runtime.engine,
            workload=" ".join(
                filter(None, (f"{record.suite.sha256}/{record.suite.headline}", settings.subject_text(record)))
            ),
        ),
        hardware=hardware_of(record, where),
        medians=tuple(median / 1e6 for median in headline.estimate.process_medians),
        measured=date.fromisoformat(record.run.started_utc[:10]),
        source=source,
        status=status,
        fixed_number=record.run.stop_rule == Rule.FIXED.value,
        missing=tuple(_missing(record)),
        failed=tuple(_failed(record)),
    )


def _text(record: Record, name: str) -> str:
    """A text of the model's part. Raises `TypeError` for anything else."""
    found = record.model[name]
    if not isinstance(found, str):
        raise TypeError(f"model.{name} must be text")
    return found


def _is_nvidia(device: Device) -> bool:
    found = table.called(device.name, device.description, device.memory_bytes)
    told = f"{device.name} {device.description}"
    return found.vendor == "NVIDIA" if found is not None else "NVIDIA" in told or "CUDA" in told


def versions_of(record: Record) -> dict[str, str]:
    """Each axis that a regression may lie on: versions, the build's backend, and the settings that tune. An axis that is not
    known is left out.
    """
    gpus = part_of(record, "gpu").get("nvidia", {}).get("value") or [{}]
    host = part_of(record, "host")
    found = {
        "runtime": f"{record.runtime.version} {record.runtime.commit}".strip(),
        "driver": value_of(gpus[0], "driver"),
        "os": value_of(host, "os"),
        "kernel": value_of(host, "kernel"),
        "libc": value_of(host, "libc"),
        "python": record.runtime.python,
        "harness": record.harness.worker_sha256[:16],
        "backend": record.runtime.environment.get("backend"),
    }
    for name in ("torch", "triton", "transformers"):
        found[name] = record.runtime.packages.get(name, "").split(" ")[0]
    for name, value in record.runtime.build.items():
        if name in ("cuda", "rocm", "hip"):
            found[name] = value
    found |= _chosen(record)
    return {name: str(value) for name, value in sorted(found.items()) if value}


def _chosen(record: Record) -> dict[str, str]:
    """The settings that tune, each an axis; where they can't be known, a value that no other record has: no pair then."""
    hidden = f"{settings.UNKNOWN} {record.samples.sha256[:12]}"
    found = {
        axis: hidden if axis.startswith("variable ") and value == settings.UNKNOWN else value
        for axis, value in settings.tuning(record).items()
    }
    if any(device.kind in SERVERS for device in record.runtime.devices):
        found["setting server"] = hidden  # threads, batch and the like are the server's own
    return found


def _failed(record: Record) -> list[str]:
    """Consistency that does not hold for the headline: a check failed or left out; a rate beyond the device; trials 20 % apart;
    two clocks that disagree. What is about another workload alone is shown with the record and caps nothing.
    """
    codes = [
        check.code.strip("; ") or "a check without a name"
        for check in record.checks
        if check.status == "fail" and _of_headline(record, check)
    ]
    there = {check.code for check in record.checks}
    codes += [f"no {code}" for code in CHECKS if code not in there]
    codes += ["device_physics"] if any(possible(record, record.suite.headline)) else []
    apart = {f.code for f in record.findings if f.severity != "note" and f.workload in ("", record.suite.headline)}
    return codes + [code for code in ("unstable", "clock_disagreement", "clock_drift") if code in apart]


def _of_headline(record: Record, check: Check) -> bool:
    """Whether a failed check is about the headline's workload. What can't be told is."""
    headline = record.suite.headline
    about = check_of(check.code).about
    if about is About.OUTPUTS:
        same = {result.workload: result.deterministic for result in record.results}
        return same.get(headline) is False or False not in same.values()
    if about is About.LONGEST and record.workloads:
        return max(record.workloads, key=lambda workload: workload.prompt_tokens).id == headline
    return check.evidence.get("headline_fails") != 0


def _missing(record: Record) -> list[str]:
    """Mandatory fields that are not there: versions, driver, system, digests, context, raw samples."""
    gpus = [device for device in computing(record)[0] if not is_software(device)]  # of whatever kind it is called
    facts: dict[str, Any] = {
        "runtime version": record.runtime.version,
        "os": value_of(part_of(record, "host"), "os"),
        "kernel": value_of(part_of(record, "host"), "kernel"),
        "model digest": record.model.get("sha256"),
        "context": record.runtime.context_tokens or record.runtime.options.get("context"),
        "samples": record.samples.rows,
        "bytes a token reads": _plausible_bytes(record),
    }
    if gpus:
        listed = part_of(record, "gpu").get("nvidia", {}).get("value") or []
        if listed or any(_is_nvidia(device) for device in gpus):
            facts["driver"] = value_of(listed[0], "driver") if listed else None
            facts["thermal state"] = record.derived.get("telemetry", {}).get("temperature_mc_max")
        else:  # the kernel's own driver (amdgpu, i915, xe) or the system's (Metal): its version is theirs
            facts["driver"] = value_of(part_of(record, "host"), "kernel")
    return [name for name, value in facts.items() if not value]


def _plausible_bytes(record: Record) -> int:
    """Bytes that a token reads, without which no rate can be held against a memory; 0 where they are unknown, or fewer than the
    sparsest mixture of experts reads.
    """
    size, parameters = record.model.get("bytes_per_token"), record.model.get("parameters")
    if not isinstance(size, int) or not isinstance(parameters, int):
        return 0
    return size if 8 * size >= LEAST_BITS * parameters > 0 else 0
