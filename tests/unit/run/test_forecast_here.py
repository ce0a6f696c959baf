"""What this machine's own GPUs are to a forecast: several of one name are several of that part."""

import pytest

from harness.capture.rooms import GpuRoom, Rooms
from harness.errors import BadInput
from harness.run.prepare import fit, forecast
from tests.support import real_shapes

GIB = 1 << 30


@pytest.fixture
def asked(tmp_path, monkeypatch):
    model = str(real_shapes.write(tmp_path / "llama.gguf", real_shapes.llama_8b()))

    def ask(*names):
        rooms = Rooms(64 * GIB, 64 * GIB, tuple(GpuRoom(name, 24 * GIB, 24 * GIB) for name in names))
        monkeypatch.setattr(fit, "_backend", lambda *_: "cuda")
        monkeypatch.setattr(fit, "read_rooms", lambda *_: rooms)
        return forecast.ask(fit.Question(model), tmp_path, ()).hardware

    return ask


@pytest.mark.parametrize("count", [1, 2])
def test_equal_gpus_are_so_many_of_one_part(asked, count):
    found = asked(*["NVIDIA GeForce RTX 3090"] * count)
    assert (found.name, found.count) == ("GeForce RTX 3090", count)


def test_unlike_gpus_are_no_part(asked):
    with pytest.raises(BadInput, match="has no part of this machine's GPU"):
        asked("NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 4090")
