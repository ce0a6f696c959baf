"""What a run's physics is held against: bytes that were really read, or nothing."""

from types import SimpleNamespace

import pytest

from harness.measure.workload import WorkloadPlan
from harness.run.conclude import truth
from runtimes.pytorch import PyTorch
from tests.support import model_headers
from tests.support.model_headers import LLAMA

TENSORS = {
    "model.embed_tokens.weight": ("F32", (100, 256)),
    "lm_head.weight": ("F32", (100, 256)),
    "model.layers.0.mlp.up_proj.weight": ("F32", (512, 256)),
}
READ = 100 * 256 + 512 * 256  # weights


def evidence(tmp_path, config, settings):
    """As much of one as the count looks at."""
    path = model_headers.folder(tmp_path / "m", TENSORS, {**LLAMA, "num_hidden_layers": 1, **config})
    plan = WorkloadPlan("decode", "forced", (), 0)
    suite = SimpleNamespace(suite=SimpleNamespace(headline="decode"))
    cpu = SimpleNamespace(l3_bytes=SimpleNamespace(value=32 << 20))
    return SimpleNamespace(
        prepared=SimpleNamespace(model=SimpleNamespace(path=path), suite=suite, adapter=PyTorch()),
        work=SimpleNamespace(plan=SimpleNamespace(workloads=[plan])),
        facts={"settings": {"type_k": "f32", "type_v": "f32", **settings}},
        at_server=False, on_cpu=True,
        machine=SimpleNamespace(
            environment=SimpleNamespace(cpu=cpu), bandwidth=SimpleNamespace(most_bytes_per_s=10**10)
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "width"),
    [
        ({}, 4),
        ({"dtype": "float32"}, 4),
        ({"dtype": "bfloat16"}, 2),
        ({"dtype": "float16"}, 2),
        ({"quantization": "none"}, 4),
    ],
)
def test_a_run_that_narrowed_its_weights_reads_as_many_bytes_as_it_holds(tmp_path, settings, width):
    assert truth.bytes_per_token(evidence(tmp_path, {}, settings), "decode") == READ * width


def test_what_the_engine_quantised_on_its_own_is_unknown(tmp_path):
    assert truth.bytes_per_token(evidence(tmp_path, {}, {"quantization": "fp8"}), "decode") is None


def test_an_architecture_that_is_not_known_has_no_bound_and_says_so(tmp_path):
    unknown = evidence(tmp_path, {"model_type": "frobnicate"}, {})
    assert truth.bytes_per_token(unknown, "decode") is None
    assert truth.bandwidth_ceiling(unknown) == truth.Ceiling(None, "what a token of this model reads is not known")
    known = truth.bandwidth_ceiling(evidence(tmp_path, {}, {}))
    assert "last-level cache" in known.source
