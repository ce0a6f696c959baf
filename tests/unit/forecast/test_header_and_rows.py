"""A model's work by its header is the work of its published rows: efficiencies are learned from these and asked of that."""

import pytest

from harness import evidence
from harness.catalog import models
from harness.forecast.models import passed_of, work_of
from harness.run.prepare import headers
from tests.support import real_shapes

WORKS = {point.work for point in evidence.shipped().points}


def of_header(made, tmp_path):
    path = real_shapes.write(tmp_path / "model.gguf", made)
    title, header = headers.read(models.resolve(str(path)), tmp_path / "cache")
    return work_of(header, title, (16.0, 16.0), WORKS)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (real_shapes.llama_8b(), "llama 8B"), (real_shapes.qwen2_7b(), "qwen2 7B"),
        (real_shapes.qwen3_30b_a3b(), "qwen3moe 30B.A3B"), (real_shapes.gpt_oss_20b(), "gpt-oss 20B"),
        (real_shapes.deepseek_v2_lite(), "deepseek2 16B"),
    ],
)  # fmt: skip
def test_a_token_passes_through_as_many_parameters_and_reads_as_much_of_a_file(made, name, tmp_path):
    found = of_header(made, tmp_path)
    assert found.model == name
    for row in (work for work in WORKS if work.model == name):
        assert found.active_parameters == pytest.approx(row.active_parameters, rel=0.01)
        assert found.token_bytes / found.file_bytes == pytest.approx(row.token_bytes / row.file_bytes, rel=0.01)


def test_the_same_file_of_gpt_oss_is_the_same_work(tmp_path):
    found = of_header(real_shapes.gpt_oss_20b(), tmp_path)
    row = next(work for work in WORKS if (work.model, work.quantisation) == ("gpt-oss 20B", "MXFP4"))
    assert found.token_bytes == pytest.approx(row.token_bytes, rel=0.01)


def test_a_mixture_that_nobody_published_is_counted_by_its_header(tmp_path):
    found = of_header(real_shapes.mixtral_8x7b(), tmp_path)
    assert passed_of(found.model, WORKS) is None
    assert 12e9 < found.active_parameters < 13e9
    assert found.token_bytes < 0.3 * found.file_bytes
