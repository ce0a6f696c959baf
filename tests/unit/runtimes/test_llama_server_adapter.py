"""The server's arguments from the settings of the run, and the settings of the record from its log."""

from pathlib import Path

import pytest

from harness.device_kinds import DeviceKind
from harness.errors import BadInput
from runtimes import llama_server
from runtimes.interface import Device, RuntimeFacts, with_defaults
from runtimes.llama_server import LlamaServer, command
from runtimes.support import llama_server_log
from runtimes.support.device_choice import chosen
from runtimes.support.ggml_devices import Listed
from runtimes.support.llama_server_program import Program

NEW = (
    "-fa, --flash-attn [on|off|auto]\n-lm, --load-mode MODE\n-fit, --fit [on|off]\n--warmup, --no-warmup\n--offline\n"
    "-cram, --cache-ram N\n-ctxcp, --ctx-checkpoints, --swa-checkpoints N\n--log-colors [on|off|auto]\n"
    "-lv, --verbosity, --log-verbosity N\n (default: 3)\n--port PORT"
)
OLD = "-fa, --flash-attn\n--mlock\n--no-mmap\n--port PORT\n-lv, --verbosity N\n (default: 0)"
GPU = Listed(Device("CUDA0", DeviceKind.GPU, "NVIDIA GeForce RTX 4090", 24 << 30))
SOFTWARE = Listed(Device("Vulkan0", DeviceKind.SOFTWARE, "llvmpipe"))
# Of release 10068 with -lv 4, shortened.
LOG = """
0.00.455.538 I cmn  common_param: system_info: n_threads = 1 (n_threads_batch = 2) / 2 | CPU : SSE3 = 1 | AVX512 = 0 | OPENMP = 1 |
0.04.855.450 I load_tensors: offloaded 19/19 layers to GPU
0.04.855.481 I load_tensors:   CPU_Mapped model buffer size =   235.16 MiB
0.04.928.911 I llama_context: n_seq_max     = 1
0.04.928.925 I llama_context: n_ctx         = 512
0.04.928.951 I llama_context: n_batch       = 512
0.04.928.964 I llama_context: n_ubatch      = 256
0.04.928.997 I llama_context: flash_attn    = auto
0.04.930.210 I llama_kv_cache: size =    1.50 MiB (   512 cells,   3 layers,  1/1 seqs), K (q8_0):    0.75 MiB, V (f16):    0.75 MiB
0.04.936.708 I resolve_fused_ops: Flash Attention enabled
0.04.938.815 I sched_reserve:        CPU compute buffer size =    18.77 MiB
"""


def program(help_=NEW, devices=()):
    return Program(Path("/opt/llama-server"), {}, "b10068", "571d0d5", {}, help_, devices)


def arguments(help_=NEW, devices=(), **given):
    options = with_defaults(LlamaServer.options, {"threads": 3, "context": 512, **given})
    found = program(help_, devices)
    return command(found, Path("model.gguf"), options, chosen(options, found.devices), 4711)


def pairs(flags):
    return dict(zip(flags, [*flags[1:], ""], strict=True))


def test_the_runs_settings_are_the_servers():
    found = pairs(arguments(batch=256, ubatch=128, flash_attn="on", type_k="q8_0", threads_batch=4))
    wanted = {
        "--model": "model.gguf", "--host": "127.0.0.1", "--port": "4711", "--threads": "3", "--threads-batch": "4",
        "--batch-size": "256", "--ubatch-size": "128", "--flash-attn": "on", "--cache-type-k": "q8_0", "--cache-type-v": "f16",
        "--ctx-size": "512", "--parallel": "1",
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted


def test_caches_of_prompts_are_off_and_nothing_is_fitted_or_fetched():
    found = pairs(arguments())
    assert (found["--cache-ram"], found["--ctx-checkpoints"], found["--fit"]) == ("0", "0", "off")
    assert "--offline" in found
    assert "--no-webui" not in found  # this one's help does not list it


def test_each_slot_has_the_whole_context():
    found = pairs(arguments(slots=4))
    assert (found["--ctx-size"], found["--parallel"]) == ("2048", "4")


def test_switches_are_given_only_where_they_say_another_thing_than_the_default():
    assert not {"--swa-full", "--no-repack", "--no-kv-offload", "--load-mode"} & set(arguments())
    found = arguments(swa_full=True, repack=False, offload_kqv=False, load_mode="mlock")
    assert {"--swa-full", "--no-repack", "--no-kv-offload"} <= set(found)
    assert pairs(found)["--load-mode"] == "mlock"


def test_an_older_one_gets_the_switches_that_it_knows():
    assert "--flash-attn" not in arguments(OLD)
    assert "--verbosity" not in arguments(OLD)
    assert "--flash-attn" in arguments(OLD, flash_attn="on")
    assert "on" not in arguments(OLD, flash_attn="on")
    assert "--no-mmap" in arguments(OLD, load_mode="none")
    with pytest.raises(BadInput, match="does not have it"):
        arguments(OLD, load_mode="direct-io")


def test_layers_go_to_the_gpu_where_there_is_one_and_nothing_is_said_where_there_is_none():
    assert not {"--gpu-layers", "--device", "--split-mode"} & set(arguments())
    found = pairs(arguments(devices=(GPU,)))
    assert found["--gpu-layers"] == "999"
    assert "--device" not in found
    assert pairs(arguments(devices=(GPU,), gpu_layers=7))["--gpu-layers"] == "7"


def test_a_software_device_is_taken_by_name_alone():
    assert pairs(arguments(devices=(SOFTWARE,)))["--device"] == "none"
    options = with_defaults(LlamaServer.options, {"threads": 1, "context": 512, "devices": "Vulkan0"})
    found = program(devices=(SOFTWARE,))
    flags = command(found, Path("m"), options, chosen(options, found.devices), 1)
    assert pairs(flags)["--device"] == "Vulkan0"


def test_the_log_tells_what_was_resolved():
    assert llama_server_log.settings_of(LOG) == {
        "threads": 1, "threads_batch": 2, "batch": 512, "ubatch": 256, "slots": 1, "type_k": "q8_0", "type_v": "f16",
        "flash_attn": "on",
    }  # fmt: skip
    assert llama_server_log.build_of(LOG) == {"CPU.SSE3": True, "CPU.AVX512": False, "CPU.OPENMP": True}
    assert llama_server_log.settings_of("") == {}
    assert llama_server_log.build_of("") == {}


def facts(log, devices=(), **given):
    told = RuntimeFacts(
        engine="llama.cpp", version="b1", package="p", commit="c", build={}, vocab_size=10, context_tokens=512, bos_id=None,
        add_bos=True, clock="host", settings={"context": 512, "hardware": "x", "prompts": "ids", "server_drivers": None},
        devices=(Device("local", DeviceKind.LOCAL_SERVER, "seen"),),
    )  # fmt: skip
    options = with_defaults(LlamaServer.options, {"threads": 3, "context": 512, **given})
    found = program(devices=devices)
    return llama_server._facts(told, log, found, options, chosen(options, found.devices))


def test_a_server_without_devices_computed_on_the_processor():
    found = facts(LOG)
    assert [device.kind for device in found.devices] == [DeviceKind.CPU]
    assert found.computed_on == (DeviceKind.CPU,)
    assert (found.engine, found.version, found.commit) == ("llama-server", "b10068", "571d0d5")
    assert found.settings["threads"] == 1
    assert "hardware" not in found.settings
    assert "gpu_layers_offloaded" not in found.settings


def test_what_it_does_not_say_is_not_known():
    assert facts("").settings["threads"] is None
    assert facts("").settings["flash_attn"] == "auto"


def test_where_layers_lie_is_its_own_account():
    log = (
        LOG
        + "load_tensors:      CUDA0 model buffer size =   100.00 MiB\nllama_kv_cache:      CUDA0 KV buffer size = 1.00 MiB\n"
    )
    found = facts(log, (GPU,))
    assert {device.kind for device in found.devices} == {DeviceKind.CPU, DeviceKind.GPU}
    assert found.settings["gpu_layers_offloaded"] == "19/19"
    assert found.computed_on == (DeviceKind.GPU,)


def test_a_gpu_that_it_says_nothing_of_is_neither_taken_nor_left_out():
    found = facts("", (GPU,))
    assert [device.kind for device in found.devices] == [DeviceKind.LOCAL_SERVER]
    assert found.computed_on == ()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("error: invalid argument: --cache-ram\n", "takes no --cache-ram"),
        ("llama_init: V cache quantization requires flash_attn\n", "requires flash_attn"),
        ("gguf_init: failed to read magic\n", "failed to read magic"),
    ],
)
def test_what_was_asked_for_is_refused_in_one_line(log, words):
    error = llama_server._refusal(log, "model.gguf")
    assert isinstance(error, BadInput)
    assert words in error.what
    assert llama_server._refusal(LOG, "model.gguf") is None
