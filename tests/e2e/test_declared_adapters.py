"""What an adapter declares is what the harness goes by, and what it does not declare it can't pass off."""

import pytest

from harness.device_kinds import DeviceKind
from harness.errors import BadInput, RuntimeUnavailable
from harness.run.prepare import baseline
from harness.run.prepare.admission import refuse_other_adapter
from harness.worker import conformance
from runtimes import table
from runtimes.interface import Build, Capabilities, Device, ModelFiles, Recipe, with_defaults
from runtimes.llama_cpp import LlamaCpp
from runtimes.simulated import Simulated
from runtimes.support import shape
from tests.e2e.test_broken_adapters import CHANGED, SMALL, WHOLE, adapter, shipped

assert shipped  # a fixture

CPU = Device("CPU", DeviceKind.CPU, "")
GPU = Device("CUDA0", DeviceKind.GPU, "")


def test_a_class_without_capabilities_has_the_defaults(shipped):
    mine = adapter(shipped, "")
    assert mine.capabilities == Capabilities()
    assert mine.recipe is None


def test_what_comes_with_the_harness_declares_itself():
    declared = {name: table.find(name).capabilities for name in table.BUILT_IN}
    assert [name for name, can in declared.items() if can.synthetic] == ["simulated"]
    assert [name for name, can in declared.items() if can.converts] == ["mlx", "pytorch", "vllm", "vllm-server"]
    assert [name for name, can in declared.items() if can.batches] == ["llama.cpp", "openvino", "simulated", "vllm"]
    chosen = ["llama-server", "mistralrs", "ollama", "openai-http", "openvino", "vllm-server"]
    assert [name for name, can in declared.items() if not can.forces] == chosen
    assert [name for name, can in declared.items() if can.takes_text] == ["mistralrs", "ollama"]


MISDECLARED = {
    "synthetic = True": r"declared in capabilities: Capabilities\(synthetic=True\)",
    "in_core = True": r"declared in capabilities: Capabilities\(in_core=True\)",
    "forces = False": r"declared in capabilities: Capabilities\(forces=False\)",
    "capabilities = {'synthetic': True}": "must be Capabilities of runtimes.interface, and is a dict",
    "from runtimes.interface import Capabilities\ncapabilities = Capabilities(synthetic='no')": "must be true or false",
    "from runtimes.interface import Capabilities\ncapabilities = Capabilities(converts=True)": "has no convert",
    "def convert(self, *_): ...": "must say converts=True",
    "recipe = 'engine.txt'": "must be a Recipe",
}


@pytest.mark.parametrize("body", MISDECLARED)
def test_a_word_in_the_wrong_place_is_refused_and_never_overlooked(shipped, body):
    with pytest.raises(RuntimeUnavailable, match=MISDECLARED[body]):
        adapter(shipped, body)


LOADED = {
    "loaded.fresh = lambda prompt: prompt": "must say outlives=True",
    "loaded.generate_batch = lambda *_: []": "must say batches=True",
    "object.__setattr__(loaded.facts, 'computed_on', ('npu',))": "computed_on must be one of cpu, gpu, igpu, accel",
    "object.__setattr__(loaded.facts, 'computed_on', 'gpu')": "computed_on must be a tuple of DeviceKind",
    "object.__setattr__(loaded.facts, 'computed_on', ('gpu',))": "says gpu, and facts.devices lists none",
    "object.__setattr__(loaded.facts, 'devices', ())": "devices must name what computed",
    "object.__setattr__(loaded.facts, 'engine', 'llama.cpp')": "engine must not be 'llama.cpp'",
    "object.__setattr__(loaded.facts, 'engine', 'vLLM')": "engine must not be 'vLLM'",
}


@pytest.mark.parametrize("line", LOADED)
def test_what_is_loaded_must_be_what_is_declared(shipped, tiny, line):
    with pytest.raises(RuntimeUnavailable) as caught:
        conformance.load(adapter(shipped, CHANGED.format(line)), ModelFiles(tiny, "gguf"), SMALL)
    assert LOADED[line] in str(caught.value)


@pytest.mark.parametrize(
    ("devices", "computed_on", "words"),
    [
        ((CPU, GPU), (), "must say which"),
        ((CPU, GPU), (DeviceKind.CPU,), "lists a gpu that facts.computed_on leaves out"),
        ((GPU,), (DeviceKind.CPU, DeviceKind.GPU), "says cpu"),
        ((CPU, GPU), (DeviceKind.GPU,), ""),
        ((CPU, GPU), (DeviceKind.CPU, DeviceKind.GPU), ""),
        ((GPU,), (), ""),
    ],
)
def test_where_it_computed_is_stated_or_evident(shipped, tiny, devices, computed_on, words):
    loaded = adapter(shipped, "").load(ModelFiles(tiny, "gguf"), SMALL)
    object.__setattr__(loaded.facts, "devices", devices)
    object.__setattr__(loaded.facts, "computed_on", computed_on)
    fault = shape.loaded_fault(loaded, Capabilities())
    assert (words in fault) if words else not fault


@pytest.mark.parametrize(
    "name", ["Llama.cpp", "llama-cpp", "llama_cpp", "vLLM", "py.torch", "openaihttp", "simulated-"]
)
def test_a_name_that_could_be_read_as_ours_is_refused(shipped, name):
    shipped(WHOLE, name=name)
    with pytest.raises(BadInput, match=r"of broken 2\.0: .*could be taken for .*another name"):
        table.find(name)


def test_a_name_of_ours_stays_ours_and_the_list_tells(shipped, repro):
    site = shipped(WHOLE, name="llama.cpp")
    assert type(table.find("llama.cpp")) is LlamaCpp
    done = repro("runtime", "list", PYTHONPATH=str(site))
    assert "what broken 2.0 offers under this name is not used" in done.stdout
    assert "simulated    SYNTHETIC" in done.stdout


def test_another_version_of_the_adapter_in_the_engines_environment_is_refused(shipped):
    mine = adapter(shipped, "")
    told = {name: getattr(mine.capabilities, name) for name in Capabilities.__slots__}
    refuse_other_adapter(mine, told)
    for changed in (told | {"synthetic": True}, told | {"new": 1}, {}):
        with pytest.raises(BadInput, match="install the same version of its package in both"):
            refuse_other_adapter(mine, changed)


def test_a_foreign_simulation_stands_against_simulations_alone(shipped, simulated_record, monkeypatch):
    from harness.record.store import read

    synthetic = "from runtimes.interface import Capabilities\ncapabilities = Capabilities(synthetic=True)"
    adapter(shipped, synthetic)
    against = read(simulated_record)
    suite = type("Suite", (), {"sha256": against.record.suite.sha256, "label": ""})()
    monkeypatch.setattr(baseline.unusable, "reasons", lambda record: [])  # a busy machine's
    baseline._refuse(against, suite, "mine")
    with pytest.raises(BadInput, match="one is a simulation, the other a measurement"):
        baseline._refuse(against, suite, "llama.cpp")


def test_a_recipe_must_name_what_is_there(tmp_path):
    lock = tmp_path / "engine.txt"
    lock.write_text("")
    assert Recipe({"cpu": Build(lock)}).fault() == ""
    assert "must have a backend" in Recipe({}).fault()
    assert "'tpu' must be one of cpu, cuda" in Recipe({"tpu": Build(lock)}).fault()
    assert "lock for cpu must be a file" in Recipe({"cpu": Build(tmp_path / "none.txt")}).fault()
    assert "must be a Build" in Recipe({"cpu": str(lock)}).fault()
    assert "wheels must be a folder" in Recipe({"cpu": Build(lock)}, wheels=lock).fault()


def test_the_simulation_keeps_to_its_context_alone_and_in_batches(tiny):
    loaded = Simulated().load(ModelFiles(tiny, "gguf"), {"context": 8})
    with pytest.raises(BadInput, match="9 tokens don't fit into a context of 8"):
        loaded.generate([1] * 8, 1, None)
    with pytest.raises(BadInput, match="9 tokens don't fit into a context of 8"):
        loaded.generate_batch([[1], [1] * 5], 4, [])


def test_the_defaults_of_settings_are_those_that_are_declared():
    for name in table.BUILT_IN:
        declared = table.find(name).options
        assert with_defaults(declared, {}) == {key: option.default for key, option in declared.items()}
    chosen = with_defaults(LlamaCpp.options, {"batch": 64})
    assert (chosen["batch"], chosen["ubatch"], chosen["type_k"]) == (64, 512, "f16")


def test_check_holds_the_simulation_to_what_any_adapter_must_hold(tiny):
    found = {}
    options = {"context": 256, "step_us": 1, "prefill_us": 0}
    conformance.run(Simulated(), ModelFiles(tiny, "gguf"), options, lambda code, *rest: found.update({code: rest}))
    assert {code for code, (status, _) in found.items() if status == "fail"} == set()
    assert found["context_kept"][0] == "pass"
    assert found["errors_clear"] == ("unknown", "it reads no model, and says that it is synthetic")
