"""What a setting does: it changes the computation and is part of a row, or it tunes and is an axis."""

import ast
from pathlib import Path

import pytest

import runtimes
from harness.demo.records import Setup, person, sealed
from harness.record import envelope, settings
from harness.record.settings import Kind, kind_of
from harness.record.statement import record_of
from runtimes import table

GPU = ("CUDA0", "gpu", "NVIDIA GeForce RTX 4090")


@pytest.fixture(scope="module")
def plain():
    data, _ = sealed(person("ann"), Setup())
    return record_of(envelope.read(data, "x").payload, "x")[0]


def with_settings(record, name="llama.cpp", model=None, variables=None, quantisation=None, told=None, **found):
    runtime = {"name": name, "engine": name, "settings": found}
    runtime |= {} if told is None else {"model": told}
    runtime |= {} if variables is None else {"variables": variables}
    changes = {"runtime": record.runtime.model_copy(update=runtime)}
    if quantisation is not None:
        changes["model"] = {**record.model, "quantisation": quantisation}
    return record.model_copy(update=changes)


USUAL = dict(type_k="f16", type_v="f16", gpu_layers=-1, gpu_layers_offloaded="29/29", offload_kqv=True, threads=8)


def test_usual_values_and_none_at_all_are_one_subject(plain):
    assert settings.subject_text(plain) == ""
    assert settings.subject_text(with_settings(plain, **USUAL)) == ""
    assert settings.subject_text(with_settings(plain, gpu_layers=99, gpu_layers_offloaded="29/29")) == ""
    assert settings.subject_text(with_settings(plain, gpu_layers=0, gpu_layers_offloaded=None, offload_kqv=False)) == ""
    assert settings.subject_text(with_settings(plain, type_k=None)) == ""


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (dict(type_k="q8_0", type_v="q8_0"), "type_k=q8_0 type_v=q8_0"),
        (dict(type_v="q4_0"), "type_v=q4_0"),
        (dict(gpu_layers=10, gpu_layers_offloaded="10/29"), "offloaded=10:29"),
        (dict(gpu_layers=10), "gpu_layers=10"),
        (dict(gpu_layers=29, gpu_layers_offloaded="29/29", offload_kqv=False), "offload_kqv=false"),
        (dict(speculative=True), "speculative=true"),
        (dict(draft_model="small"), "draft_model=small"),
        (
            dict(speculative="prompt-lookup", draft_max=8, draft_ngram=2),
            "draft_max=8 draft_ngram=2 speculative=prompt-lookup",
        ),
        (dict(prefix_caching=True), "prefix_caching=true"),
        (dict(rope_freq_scale=2), "rope_freq_scale=2"),
        (dict(tensor_split="3,1"), "settings=" + "0" * 16),
        (dict(warp_drive=True), "warp_drive=true"),
        (dict(warp_drive=None), ""),
        (dict(threads=1, ubatch=64, flash_attn="off", load_mode="mlock", poll=0), ""),
    ],
)
def test_what_changes_the_computation_is_in_the_subject_and_nothing_else(plain, found, text):
    said = settings.subject_text(with_settings(plain, **found))
    assert said == text or (text.startswith("settings=") and said.startswith("settings=") and len(said) == len(text))


def test_types_are_usual_where_they_are_the_checkpoints_own(plain):
    def text(quantisation, **found):
        return settings.subject_text(with_settings(plain, "vllm", quantisation=quantisation, **found))

    assert text("BF16", dtype="bfloat16", type_k="bf16", type_v="bf16", quantization="none") == ""
    assert text("BF16", dtype="float32", type_k="f32", type_v="f32") == "dtype=float32"
    assert text("BF16", dtype="bfloat16", type_k="fp8", type_v="fp8") == "type_k=fp8 type_v=fp8"
    assert text("BF16", dtype="bfloat16", quantization="fp8") == "quantization=fp8"
    assert text("AWQ-int4", quantization="awq_marlin") == ""
    assert text("BF16", dtype="bfloat16", tensor_parallel=2) == "tensor_parallel=2"
    assert text("F32", dtype="float32", tf32=True) == "tf32=true"


def test_a_context_counts_where_it_is_more_than_room(plain):
    assert settings.subject_text(with_settings(plain, context=4096, told={"context_trained": 8192})) == ""
    assert settings.subject_text(with_settings(plain, context=16384, told={"context_trained": 8192})) == "context=16384"
    static = dict(kv_cache="static", dtype="bfloat16")
    assert settings.subject_text(with_settings(plain, "pytorch", quantisation="BF16", context=256, **static)) == ""
    assert "context=8192" in settings.subject_text(with_settings(plain, "pytorch", context=8192, **static))


def test_text_that_is_long_or_strange_becomes_its_digest(plain):
    long = settings.subject_text(with_settings(plain, draft_model="x" * 200))
    assert long.startswith("settings=")
    assert len(long) < 30
    forged = settings.subject_text(with_settings(plain, type_k="q8_0 type_v=f16"))
    assert forged.startswith("settings=")
    assert forged != settings.subject_text(with_settings(plain, type_k="q8_0 type_v=f32"))


def test_tuning_settings_and_variables_are_axes(plain):
    found = settings.tuning(
        with_settings(plain, threads=8, flash_attn="on", type_k="q8_0", variables={"OMP_NUM_THREADS": "4"})
    )
    assert found == {"setting flash_attn": "on", "setting threads": "8", "variable OMP_NUM_THREADS": "4"}
    hidden = settings.tuning(with_settings(plain, variables={"GGML_X": "set, not recorded"}))
    assert hidden == {"variable GGML_X": settings.UNKNOWN}


def test_what_the_engine_chose_and_did_not_tell_is_unknown_and_not_different(plain):
    auto = with_settings(plain, flash_attn="auto, resolution not reported", load_mode="auto", threads=2)
    told = with_settings(plain, flash_attn="on", load_mode="mmap", threads=2)
    assert settings.differences(auto, told) == ()
    assert settings.unknown(auto, told) == ("flash_attn", "load_mode")
    assert settings.unknown(auto, auto) == ()


def test_differences_name_both_values_and_what_the_setting_does(plain):
    a = with_settings(plain, threads=2, type_k="f16")
    b = with_settings(plain, threads=1, type_k="q8_0", gadget=3)
    texts = [str(one) for one in settings.differences(a, b)]
    assert texts == [
        "gadget not recorded → 3 (not declared: taken for a change of the computation)",
        "type_k f16 → q8_0 (changes the computation)",
        "threads 2 → 1 (tunes it)",
    ]


def test_every_setting_that_an_adapter_of_ours_records_is_declared():
    """A new setting must be placed in the table, or every record that has it falls out of its row."""
    for name, target in table.BUILT_IN.items():
        module = target.partition(":")[0].replace("runtimes.", "")
        folder = Path(runtimes.__file__).parent
        files = [folder / f"{module}.py", *(folder / "support").glob(f"{module}_facts.py")]
        tree = ast.parse("".join(file.read_text() for file in files))
        recorded = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "settings":
                recorded |= keys(node.value)
            if (
                isinstance(node, ast.Assign)
                and getattr(getattr(node.targets[0], "value", None), "id", "") == "settings"
            ):
                recorded.add(node.targets[0].slice.value)
            if isinstance(node, ast.keyword) and node.arg == "settings":
                recorded |= keys(node.value)
        if name == "simulated":
            recorded = set(table.find(name).options)
        assert recorded, name
        assert {key for key in recorded if key not in settings.TABLE[name]} == set()
        assert all(kind_of(name, key) is not Kind.UNDECLARED for key in recorded)


def keys(node):
    return {key.value for key in node.keys if key is not None} if isinstance(node, ast.Dict) else set()


def test_names_that_all_adapters_share_are_known_of_any(plain):
    assert kind_of("somebody's own", "threads") is Kind.TUNES
    assert kind_of("somebody's own", "type_k") is Kind.COMPUTES
    assert kind_of("somebody's own", "hyperdrive") is Kind.UNDECLARED
