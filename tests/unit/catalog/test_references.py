"""References are taken apart by one grammar each; what does not follow it is refused with the way to write it."""

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
}


@pytest.mark.parametrize("text", HF)
def test_a_reference_to_hugging_face_is_taken_apart(text):
    revision, file, quantisation = HF[text]
    assert models.resolve(text) == HuggingFaceReference("owner/name", revision, file, quantisation)


@pytest.mark.parametrize(
    "text",
    ["hf:", "hf:name", "hf:owner/name:", "hf:owner/name@", "hf:owner/name@main/", "hf:../name", "hf:owner/name@../x.gguf",
     "hf:owner/name@main/../x.gguf", "hf:owner/name@main//x.gguf", "hf:owner/na me", "hf:owner/name@main/.x.gguf"],
)  # fmt: skip
def test_what_is_no_such_reference_is_refused(text):
    with pytest.raises(BadInput, match="write hf:owner/name"):
        models.resolve(text)


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
    "model-UD-Q2_K_XL.gguf", "README.md",
]  # fmt: skip
FOUND = {
    "Q4_K_M": ["model-Q4_K_M.gguf"],
    "q4_k_m": ["model-Q4_K_M.gguf"],
    "UD-Q4_K_M": ["model-UD-Q4_K_M.gguf"],
    "Q2_K_XL": ["model-UD-Q2_K_XL.gguf"],
    "IQ4_XS": ["model-IQ4_XS.gguf"],
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
        ("F16", "no file is of that quantisation"),
    ],
)
def test_a_quantisation_that_is_not_one_file_names_what_is_there(asked, words):
    with pytest.raises(BadInput, match=words):
        gguf_of(HuggingFaceReference("o/n", "main", "", asked), NAMES)


def test_a_repository_that_lacks_a_shard_is_refused():
    with pytest.raises(BadInput, match="lacks 1 of 2 shards"):
        gguf_of(HuggingFaceReference("o/n", "main", "BF16/model-BF16-00001-of-00002.gguf"), NAMES[:4])
