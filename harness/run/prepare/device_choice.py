"""Cards that the operator names by NVIDIA's ids, as the places by which an engine lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.capture import nvidia
from harness.device_ids import is_slice, is_uuid
from harness.errors import BadInput
from runtimes.interface import Scalar

Places = Callable[[Sequence[str]], Mapping[str, str]]


def with_places(given: Mapping[str, Scalar], places_of: Places = nvidia.places_of) -> dict[str, Scalar]:
    """The settings with places for ids in `devices`: workers have no management library. Raises `BadInput` for an id that
    means no card of this machine, or several.
    """
    asked = given.get("devices")
    named = [part.strip() for part in asked.split(",")] if isinstance(asked, str) else []
    uuids = [part for part in named if is_uuid(part)]
    if not uuids:
        return dict(given)
    for slice_ in filter(is_slice, uuids):
        fix = f"export CUDA_VISIBLE_DEVICES={slice_} and leave -o devices out"
        raise BadInput("a MIG slice is chosen for the whole process", where=f"-o devices={slice_}", fix=fix)
    found = places_of(uuids)
    for uuid in uuids:
        if uuid not in found:
            fix = "nvidia-smi -L lists the ids; or name the device as the engine does, CUDA0"
            raise BadInput("means no card of this machine, or several", where=f"-o devices={uuid}", fix=fix)
    return {**given, "devices": ",".join(found.get(part, part) for part in named)}
