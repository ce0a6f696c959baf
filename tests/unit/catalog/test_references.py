"""References are taken apart by one grammar each; what does not follow it is refused with the way to write it."""

import re

import pytest

from harness.catalog import models
from harness.catalog.huggingface_files import gguf_of
from harness.catalog.references import HuggingFaceReference, OllamaReference
from harness.errors import BadInput
from tests.support import tiny_gguf

HF = {
    "hf:owner/name": ("main", "", ""),
    "hf:owner/name@v1.0": ("v1.0", "", ""),
    "hf:owner/name:Q4_K_M": ("main", "", "Q4_K_M"),
    "hf:owner/name@main:q8_0": ("main", "", "q8_0"),
    "hf:owner/name@main/folder/file.gguf": ("main", "folder/file.gguf", ""),
    "hf:owner/name/file.gguf": ("main", "file.gguf", ""),
    "hf:owner/name@refs/pr/1": ("refs/pr/1", "", ""),
    "hf:owner/name@refs%2Fpr%2F12": ("refs/pr/12", "", ""),
    "hf:owner/name@refs/pr/1/folder/file.gguf": ("refs/pr/1", "folder/file.gguf", ""),
    "hf:owner/name@refs/convert/parquet:Q8_0": ("refs/convert/parquet", "", "Q8_0"),
    "hf:owner/name@feature%2fx:Q8_0": ("feature/x", "", "Q8_0"),
    "hf:owner/name@feature%2Fx/file.gguf": ("feature/x", "file.gguf", ""),
}


@pytest.mark.parametrize("text", HF)
def test_a_reference_to_hugging_face_is_taken_apart(text):
    revision, file, quantisation = HF[text]
    assert models.resolve(text) == HuggingFaceReference("owner/name", revision, file, quantisation)


@pytest.mark.parametrize(
    "text",
    ["hf:", "hf:name", "hf:owner/name:", "hf:owner/name@", "hf:owner/name@main/", "hf:../name", "hf:owner/name@../x.gguf",
     "hf:owner/name@main/../x.gguf", "hf:owner/name@..%2Fx", "hf:owner/name@a%2F%2Fb", "hf:owner/name@a%2F..%2Fb", "hf:owner/name@a%20b", "hf:owner/name@main//x.gguf", "hf:owner/na me", "hf:owner/name@main/.x.gguf"],
)  # fmt: skip
def test_what_is_no_such_reference_is_refused(text):
    with pytest.raises(BadInput, match="write hf:owner/name"):
        models.resolve(text)


def test_a_reference_with_a_revision_of_several_parts_is_printed_so_that_it_can_be_read_again():
    for text in ("hf:owner/name@refs/pr/1", "hf:owner/name@a%2Fb/x.gguf", "hf:owner/name@a%2Fb:Q4_K_M"):
        found = models.resolve(text)
        assert "%2F" in str(found)
        assert models.resolve(str(found)) == found


def test_a_branch_with_a_slash_is_not_taken_for_a_file():
    with pytest.raises(BadInput, match=r"written hf:owner/name@feature%2Fx"):
        models.resolve("hf:owner/name@feature/x")


MEANT = {
    "https://huggingface.co/o/n": "hf:o/n",
    "https://huggingface.co/o/n/": "hf:o/n",
    "https://huggingface.co/o/n/tree/main": "hf:o/n@main",
    "https://huggingface.co/o/n/tree/refs%2Fpr%2F1": "hf:o/n@refs%2Fpr%2F1",
    "https://huggingface.co/o/n/blob/main/a/x.gguf": "hf:o/n@main/a/x.gguf",
    "https://huggingface.co/o/n/resolve/main/x.gguf?download=true": "hf:o/n@main/x.gguf",
    "https://huggingface.co/o/n?library=transformers": "hf:o/n",
    "hf.co/o/n:Q4_K_M": "hf:o/n:Q4_K_M",
    "huggingface.co/o/n": "hf:o/n",
    "HF:o/n": "hf:o/n",
    "huggingface:o/n:Q8_0": "hf:o/n:Q8_0",
    "o/n:Q4_K_M": "hf:o/n:Q4_K_M",
    "o/n@main": "hf:o/n@main",
    "o/n": "hf:o/n",
}


@pytest.mark.parametrize("text", MEANT)
def test_another_spelling_of_a_model_of_hugging_face_is_refused_with_the_right_one(text):
    with pytest.raises(BadInput, match=f"write {re.escape(MEANT[text])}$"):
        models.resolve(text)


def test_a_path_that_is_there_is_one_however_it_looks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "n").write_bytes(tiny_gguf.build())
    assert models.resolve("o/n") == tmp_path / "o" / "n"


OLLAMA = {
    "ollama:llama3.2": ("registry.ollama.ai", "library/llama3.2", "latest"),
    "ollama:llama3.2:1b-q4": ("registry.ollama.ai", "library/llama3.2", "1b-q4"),
    "ollama:someone/model:v2": ("registry.ollama.ai", "someone/model", "v2"),
    "ollama:hf.co/owner/Name-GGUF:Q4_K_M": ("hf.co", "owner/Name-GGUF", "Q4_K_M"),
}


@pytest.mark.parametrize("text", OLLAMA)
def test_a_name_of_ollama_is_taken_apart(text):
    assert models.resolve(text) == OllamaReference(*OLLAMA[text])


@pytest.mark.parametrize(
    "text", ["ollama:", "ollama:a/b/c/d", "ollama:../x", "ollama:a:", "ollama:a:../b", "ollama:/etc/passwd"]
)
def test_what_is_no_name_of_ollama_is_refused(text):
    with pytest.raises(BadInput, match="write ollama:name"):
        models.resolve(text)


def test_a_file_address_is_the_path_it_names(tmp_path):
    path = tmp_path / "with space.gguf"
    path.write_bytes(tiny_gguf.build())
    quoted = str(path).replace(" ", "%20")
    for text in (f"file:{path}", f"file://{quoted}", f"file://localhost{quoted}", f"file:{quoted}"):
        assert models.resolve(text) == path


def test_a_file_of_another_machine_is_refused():
    with pytest.raises(BadInput, match="not a file of this machine"):
        models.resolve("file://server/model.gguf")


NAMES = [
    "model-Q4_K_M.gguf", "model-UD-Q4_K_M.gguf", "model-IQ4_XS.gguf", "BF16/model-BF16-00001-of-00002.gguf",
    "BF16/model-BF16-00002-of-00002.gguf", "mmproj-F16.gguf", "model-Q8_0.gguf", "model-it-Q8_0.gguf", "model.imatrix.gguf",
    "model-UD-Q2_K_XL.gguf", "README.md", "Q3_K_S/X-00001-of-00002.gguf", "Q3_K_S/X-00002-of-00002.gguf",
]  # fmt: skip
FOUND = {
    "Q4_K_M": ["model-Q4_K_M.gguf"],
    "q4_k_m": ["model-Q4_K_M.gguf"],
    "UD-Q4_K_M": ["model-UD-Q4_K_M.gguf"],
    "Q2_K_XL": ["model-UD-Q2_K_XL.gguf"],
    "IQ4_XS": ["model-IQ4_XS.gguf"],
    "Q3_K_S": ["Q3_K_S/X-00001-of-00002.gguf", "Q3_K_S/X-00002-of-00002.gguf"],
    "BF16": ["BF16/model-BF16-00001-of-00002.gguf", "BF16/model-BF16-00002-of-00002.gguf"],
}


@pytest.mark.parametrize("asked", FOUND)
def test_a_quantisation_finds_its_file_with_all_shards(asked):
    assert gguf_of(HuggingFaceReference("o/n", "main", "", asked), NAMES) == FOUND[asked]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("Q8_0", r"2 files are of that quantisation: model-Q8_0\.gguf, model-it-Q8_0\.gguf"),
        ("Q6_K", "no file is of that quantisation: BF16/model"),
        ("4_K_M", "no file is of that quantisation"),
        ("K_M", "no file is of that quantisation"),
        ("M", "no file is of that quantisation"),
        ("F16", "no file is of that quantisation"),
    ],
)
def test_a_quantisation_that_is_not_one_file_names_what_is_there(asked, words):
    with pytest.raises(BadInput, match=words):
        gguf_of(HuggingFaceReference("o/n", "main", "", asked), NAMES)


MADE = [
    "m-Q4_K_M-imat.gguf",
    "m-Q4_K_S-imatrix.gguf",
    "m-imatrix.gguf",
    "imatrix_unsloth.gguf",
    "m-Q6_K.gguf",
    "m-mmproj-Q8_0.gguf",
]


@pytest.mark.parametrize(("asked", "file"), [("Q4_K_M", MADE[0]), ("q4_k_s", MADE[1]), ("Q6_K", MADE[4])])
def test_a_model_made_with_statistics_is_one_and_the_statistics_are_none(asked, file):
    assert gguf_of(HuggingFaceReference("o/n", "main", "", asked), MADE) == [file]


@pytest.mark.parametrize("asked", ["Q4_K", "K_M", "Q8_0"])
def test_a_part_of_such_a_name_is_no_quantisation(asked):
    with pytest.raises(BadInput, match="no file is of that quantisation"):
        gguf_of(HuggingFaceReference("o/n", "main", "", asked), [*MADE, "n-Q4_K_M-imat.gguf"])


def test_a_repository_that_lacks_a_shard_is_refused():
    with pytest.raises(BadInput, match="lacks 1 of 2 shards"):
        gguf_of(HuggingFaceReference("o/n", "main", "BF16/model-BF16-00001-of-00002.gguf"), NAMES[:4])
