"""Over all adapters of ours: what an option promises, a method or a server's argument keeps."""

from pathlib import Path
from typing import get_type_hints

import pytest

from harness.catalog import suites
from harness.device_kinds import DeviceKind
from harness.errors import BadInput
from harness.run.execute.plan import Triple, plan_for, texts_of
from harness.run.prepare.options import fill, keeps_prefix
from runtimes import llama_server, table, vllm_server
from runtimes.interface import Capabilities, Device, Option, with_defaults
from runtimes.support import shape
from runtimes.support.device_choice import chosen
from runtimes.support.ggml_devices import Listed
from runtimes.support.llama_server_program import Program
from runtimes.support.vllm_words import told
from runtimes.vllm import variables

AGENT = suites.load("agent-v1").suite
OURS = tuple(table.BUILT_IN)
HELP = "--flash-attn [on|off|auto]\n--load-mode MODE\n--model-draft FNAME\n--draft-max N\n--port PORT"
GPUS = tuple(Listed(Device(f"CUDA{n}", DeviceKind.GPU, "a card", 24 << 30)) for n in range(2))
OF_THE_START = {"binary", "port", "start_s"}  # say how it is started, not what it computes with
ANOTHER = {"devices": "CUDA1", "split_mode": "row", "main_gpu": 1, "tensor_split": "3,1", "load_mode": "mlock", "type_k": "q8_0",
           "type_v": "q8_0", "draft_model": "other.gguf", "flash_attn": "on", "dtype": "float16", "kv_cache_dtype": "fp8", "quantization": "awq"}  # fmt: skip


def another(name, option, now):
    if name in ANOTHER:
        return ANOTHER[name]
    return not now if option.kind is bool else (now or 1) + 1


@pytest.mark.parametrize("name", OURS)
def test_what_it_declares_is_there(name):
    adapter = table.find(name)
    loaded = get_type_hints(type(adapter).load)["return"]
    assert shape.adapter_fault(adapter, name) == ""
    assert shape.methods_fault(loaded, adapter.capabilities) == ""


@pytest.mark.parametrize("name", OURS)
def test_a_conversation_is_given_to_no_adapter_that_can_remember_none(name):
    adapter = table.find(name)
    texts = texts_of(AGENT)
    ids = {key: tuple(range(texts.lengths[key] or 20)) for key in texts.texts}
    options = fill({}, adapter.options, cores=2, required_context=8192, conversation=True)
    keeps = keeps_prefix(options)
    plan = plan_for(Triple(name, Path("m"), "gguf", options, AGENT, 1000, 7, keeps=keeps), ids, 0)
    told = any(workload.history for workload in plan.workloads)
    assert told == keeps == hasattr(get_type_hints(type(adapter).load)["return"], "remember")


@pytest.mark.parametrize("option", ["prefix_cache", "prefix_caching"])
def test_an_adapter_with_a_prefix_cache_and_no_turns_is_refused(option):
    class Another:
        name, formats, options = "another", ("gguf",), {option: Option("keeps", bool)}
        capabilities = Capabilities()

        def load(self, model, options): ...

    assert "converses=True" in shape.adapter_fault(Another(), "another")
    Another.capabilities = Capabilities(converses=True)
    assert shape.adapter_fault(Another(), "another") == ""
    Another.options = {}
    assert "no option prefix_cache" in shape.adapter_fault(Another(), "another")


def of_llama_server(options):
    program = Program(Path("/opt/llama-server"), {}, "b10068", "571d0d5", {}, HELP, GPUS)
    return llama_server.command(program, Path("m.gguf"), options, chosen(options, GPUS), 4711)


def of_vllm_server(options):
    flags = [vllm_server.command(Path("m"), options, cpu, 4711) for cpu in (True, False)]
    return flags, variables(options, {})


@pytest.mark.parametrize(
    ("adapter", "told"), [(llama_server.LlamaServer, of_llama_server), (vllm_server.VLLMServer, of_vllm_server)]
)
def test_a_server_that_we_start_is_told_of_every_option(adapter, told):
    drafting = {"draft_model": "small.gguf"} if "draft_model" in adapter.options else {}
    given = with_defaults(adapter.options, {"threads": 1, "context": 512, **drafting})
    for name, option in adapter.options.items():
        if name not in OF_THE_START:
            assert told(given) != told(given | {name: another(name, option, given[name])}), name


def test_layers_are_asked_for_without_a_gpu_as_well():
    options = with_defaults(llama_server.LlamaServer.options, {"threads": 1, "context": 512, "gpu_layers": 7})
    program = Program(Path("/opt/llama-server"), {}, "b10068", "571d0d5", {}, HELP, ())
    flags = llama_server.command(program, Path("m.gguf"), options | {"split_mode": "row"}, chosen(options, ()), 4711)
    assert flags[flags.index("--gpu-layers") + 1] == "7"
    assert "--split-mode" in flags


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (
            "1 validation error for VllmConfig\n  Value error, Total number of attention heads (2) must be divisible by tensor parallel"
            " size (9). [type=value_error, input_value=ArgsKwargs((), {'model_config': 1}), input_type=ArgsKwargs]\n"
            "    For further information visit the page",
            "vLLM refuses it (Total number of attention heads (2) must be divisible by tensor parallel size (9).)",
        ),
        ("The model's architecture is not known.", "vLLM refuses it (The model's architecture is not known.)"),
    ],
)
def test_vllm_is_told_in_its_own_words_without_those_of_its_validator(raised, said):
    with pytest.raises(BadInput) as caught, told(loading=True):
        raise ValueError(raised)
    assert caught.value.what == said
