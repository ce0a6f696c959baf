"""Whether a run may go on with the engine that its worker describes."""

from __future__ import annotations

from harness.run.evidence import Prepared
from harness.run.prepare import gate
from harness.run.prepare.backend import refuse_other_devices, wants_gpu
from harness.worker.frames import Frame


def admit(frame: Frame, prepared: Prepared) -> None:
    """What the worker says of itself before its first trial: nothing that names anybody, and the device that was asked for."""
    gate.admit(frame, prepared.suite)
    if frame.kind == "loaded":
        choice = prepared.engine.choice
        asked = wants_gpu(choice.backend, prepared.given)
        kinds = {str(device["kind"]) for device in frame.header["facts"]["devices"]}
        refuse_other_devices(choice.backend, asked, kinds)
