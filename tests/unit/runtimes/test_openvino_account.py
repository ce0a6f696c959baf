"""What OpenVINO prints of its compiled model, its devices, and what its reader makes of a GGUF's types."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import ClassVar

import pytest

from harness.errors import BadInput
from runtimes.interface import DeviceKind
from runtimes.openvino import OpenVINO, _commit, _device
from runtimes.support import openvino_account
from runtimes.support.gguf_header import GgufHeader
from tests.support import tiny_models

# As openvino-genai 2026.4.1.0 printed it, shortened: a tokenizer's model first, then the one that computes.
PRINTED = """Model: OV Tokenizer
  INFERENCE_NUM_THREADS: 2
  INFERENCE_PRECISION_HINT: f32
EXECUTION_DEVICES:
 CPU: AMD EPYC
SchedulerConfig {
  enable_prefix_caching: false
 }
Model: LLM with Paged Attention
  NETWORK_NAME: Model0
  NUM_STREAMS: 1
  INFERENCE_NUM_THREADS: 1
  INFERENCE_PRECISION_HINT: bf16
  PERFORMANCE_HINT: LATENCY
  ENABLE_CPU_PINNING: YES
  EXECUTION_DEVICES: CPU
  DYNAMIC_QUANTIZATION_GROUP_SIZE: 32
  KEY_CACHE_PRECISION: u8
  VALUE_CACHE_PRECISION: u8
  RUNTIME_REQUIREMENTS: meta=1.0;ov=2026.4.1;isa=Intel AVX-512 with Intel DL Boost and bfloat16 support
EXECUTION_DEVICES:
 CPU: AMD EPYC
"""


class Core:
    """Two GPUs, the properties as OpenVINO's plugins name them."""

    available_devices = ("CPU", "GPU.0", "GPU.1", "NPU")
    told: ClassVar = {
        ("GPU.0", "FULL_DEVICE_NAME"): "Intel(R) Arc(TM) Graphics (iGPU)", ("GPU.0", "DEVICE_TYPE"): "Type.INTEGRATED",
        ("GPU.1", "FULL_DEVICE_NAME"): "Intel(R) Arc(TM) B580 Graphics (dGPU)", ("GPU.1", "DEVICE_TYPE"): "Type.DISCRETE",
        ("GPU.1", "GPU_DEVICE_TOTAL_MEM_SIZE"): 12 << 30,
        ("GPU.1", "DEVICE_PCI_INFO"): SimpleNamespace(domain=0, bus=3, device=0, function=0),
        ("CPU", "FULL_DEVICE_NAME"): "AMD EPYC",
    }  # fmt: skip

    def get_property(self, name, key):
        return self.told[name, key]


def test_the_model_that_computes_is_read_and_no_other():
    told = openvino_account.properties(PRINTED)
    assert told["EXECUTION_DEVICES"] == "CPU"
    assert openvino_account.settings(told) == {
        "streams": 1, "threads": 1, "dtype": "bf16", "performance_hint": "latency", "pinned": True,
        "dynamic_quantization": 32, "type_k": "u8", "type_v": "u8",
    }  # fmt: skip
    assert openvino_account.properties("nothing of the kind") == {}
    assert openvino_account.settings({}) == {}


def test_what_is_printed_meanwhile_is_kept_and_the_variable_put_back(capfd, monkeypatch):
    monkeypatch.setenv("OPENVINO_LOG_LEVEL", "0")
    with openvino_account.printed() as said:
        os.write(1, os.environ["OPENVINO_LOG_LEVEL"].encode())
    assert said.text == "2"
    assert os.environ["OPENVINO_LOG_LEVEL"] == "0"
    monkeypatch.delenv("OPENVINO_LOG_LEVEL")
    with pytest.raises(ZeroDivisionError), openvino_account.printed():
        raise ZeroDivisionError
    assert "OPENVINO_LOG_LEVEL" not in os.environ
    sys.stdout.write("back")
    sys.stdout.flush()
    assert capfd.readouterr().out == "back"


@pytest.mark.parametrize(
    ("types", "made"),
    [
        (("Q4_1", "Q4_1"), "u4+zp4"),
        (("Q4_K", "Q6_K"), "u4+u8+zp4"),
        (("Q4_0",), "u4"),
        (("Q8_0", "F16"), "f16+u8"),
        (("Q5_0",), "unknown"),
    ],
)
def test_weights_are_named_by_what_the_reader_makes_of_them(types, made):
    header = GgufHeader({}, {str(index): one for index, one in enumerate(types)}, 0, ())
    assert openvino_account.weights(header) == made


def test_the_header_tells_types_tokens_and_whether_a_prompt_begins_with_bos(tmp_path):
    header = GgufHeader.of(tiny_models.write_gguf(tmp_path / "tiny.gguf"))
    assert set(header.matrices.values()) == {"F32"}
    assert (header.tokens, header.special[:2]) == (tiny_models.VOCABULARY, ("<s>", "</s>"))
    assert header.add_bos
    assert header.of_model("block_count") == tiny_models.LAYERS
    assert GgufHeader({"tokenizer.ggml.model": "llama"}, {}, 0, ()).add_bos
    assert not GgufHeader({"tokenizer.ggml.model": "gpt2"}, {}, 0, ()).add_bos


@pytest.mark.parametrize("data", [b"", b"GGUF", b"GGUF\3\0\0\0" + b"\xff" * 24, b"ELF" * 40])
def test_a_damaged_header_is_refused_in_one_line(tmp_path, data):
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="can't be read as GGUF"):
        GgufHeader.of(path)


def test_devices_are_those_that_openvino_lists_and_auto_is_none():
    core = Core()
    assert [_device(core, asked) for asked in ("CPU", "cpu", "GPU", "gpu.0", "GPU.1")] == [
        "CPU", "CPU", "GPU.0", "GPU.0", "GPU.1",
    ]  # fmt: skip
    for asked in ("AUTO", "AUTO:GPU,CPU", "MULTI:GPU,CPU", "HETERO", "GPU.2", "", "cuda"):
        with pytest.raises(BadInput, match=r"must be a device that OpenVINO lists.*take one of CPU, GPU\.0, GPU\.1"):
            _device(core, asked)
    with pytest.raises(BadInput, match="is not driven"):
        _device(core, "NPU")


def test_a_device_is_named_in_full_with_kind_memory_and_place():
    core = Core()
    shared, own, processor = (openvino_account.device(core, name) for name in ("GPU.0", "GPU.1", "CPU"))
    assert (shared.kind, own.kind, processor.kind) == (DeviceKind.IGPU, DeviceKind.GPU, DeviceKind.CPU)
    assert (own.name, own.memory_bytes) == ("Intel(R) Arc(TM) B580 Graphics (dGPU)", 12 << 30)
    assert shared.memory_bytes is None
    assert openvino_account.places(core, ["GPU.1", "GPU.0", "CPU"]) == ("0000:03:00.0", "")


def test_what_it_is_stands_in_its_version():
    assert _commit(SimpleNamespace(__version__="2026.4.1-22982-e213a147257-releases/2026/4")) == "e213a147257"
    assert _commit(SimpleNamespace(__version__="2026.4.1")) == "unknown"
    assert not OpenVINO.capabilities.forces
