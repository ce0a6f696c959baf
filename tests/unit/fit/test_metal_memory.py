"""What a Mac's GPU may take of its memory, as Metal printed it on Macs of these sizes."""

from types import SimpleNamespace

import pytest

from harness.capture.source import Source
from harness.fit.room import METAL, Room, metal_bytes
from harness.run.prepare import fit
from harness.site.data import forecasts

GIB, MIB = 1 << 30, 1 << 20


@pytest.mark.parametrize(
    ("machine", "printed_mib"),
    [(16, 10922.67), (32, 21845.34), (36, 27648.0), (64, 49152.0), (96, 73728.0), (128, 107.52 * 1024)],
)
def test_no_mac_is_promised_more_than_metal_gave_one_of_its_size(machine, printed_mib):
    assert 0.85 * printed_mib * MIB < metal_bytes(machine * GIB) <= printed_mib * MIB * 1.0001


@pytest.mark.parametrize(
    ("limit", "gib", "source"),
    [("", 36, METAL), ("0", 36, METAL), ("40960", 40, "its limit for the GPU"), ("65536", 46, "its limit for the GPU")],
)
def test_a_limit_that_its_owner_raised_counts(monkeypatch, limit, gib, source):
    mac = Source("Darwin", "arm64", sysctl={"iogpu.wired_limit_mb": limit})
    monkeypatch.setattr(fit, "this_machine", lambda: mac)
    room = fit._of_metal(Room(46 * GIB, 48 * GIB, "GPU", shared=True), "metal")
    assert (room.memory_free, room.source) == (gib * GIB, source)


def test_other_backends_keep_their_room():
    room = Room(40 * GIB, 48 * GIB, "GPU", shared=True)
    assert fit._of_metal(room, "vulkan") is room


def test_no_page_says_that_a_model_fits_a_mac_that_metal_would_refuse_it():
    part = next(one for one in forecasts.parts() if one.device.sku == "Apple M2 Pro")  # of 32 GiB at most
    assert part.holds(SimpleNamespace(held_bytes=21 * GIB))
    assert not part.holds(SimpleNamespace(held_bytes=24 * GIB))
