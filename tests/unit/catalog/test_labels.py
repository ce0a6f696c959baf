"""What a GGUF's label says, held against its tensors and its file's name."""

import pytest

from harness.catalog import gguf, labels, weights
from harness.catalog.identity import identify
from tests.support import model_headers


def model(tmp_path, file_type, types, name="m.gguf", rows=256):
    tensors = {f"blk.{i}.ffn_up.weight": (kind, (rows, 256)) for i, kind in enumerate(types)}
    tensors["token_embd.weight"] = ("Q8_0", (rows, 4096))
    return model_headers.gguf(tmp_path / name, tensors, {"general.file_type": file_type})


@pytest.mark.parametrize(
    ("file_type", "types", "rows"),
    [
        (15, ("Q4_K", "Q4_K", "Q6_K"), 256),
        (15, ("Q5_0", "Q5_0", "Q8_0"), 640),  # gemma-3-270m: 640 is no multiple of 256
        (18, ("Q8_0",), 640),
        (10, ("IQ4_NL",), 640),
        (10, ("Q4_0",), 640),  # since Q2_K falls back to it
        (12, ("Q4_0",), 640),
        (36, ("TQ1_0",), 256),
        (37, ("TQ2_0",), 256),
        (39, ("NVFP4",), 256),
        (40, ("Q1_0",), 256),
        (41, ("Q2_0",), 256),
        (12, ("Q3_K", "Q4_K", "Q4_K"), 256),
        (7, ("Q8_0",), 256),
        (1, ("F16", "F32", "F16"), 256),
        (32, ("BF16",), 256),
        (38, ("MXFP4", "Q8_0", "MXFP4"), 256),
        (1024 + 15, ("Q4_K",), 256),  # guessed by llama.cpp
        (22, ("IQ3_XXS", "IQ3_S", "IQ3_S"), 256),
    ],
)
def test_a_label_that_the_tensors_bear_out_stands(tmp_path, file_type, types, rows):
    read = gguf.read(model(tmp_path, file_type, types, rows=rows))
    assert weights.quantisation(read) == labels.FILE_TYPES[file_type % 1024]
    assert labels.remarks(read, "m.gguf") == ()


@pytest.mark.parametrize(
    ("file_type", "types", "label", "words"),
    [
        (15, ("Q8_0", "Q8_0", "Q4_K"), "Q8_0", "says Q4_K_M, and most weights are Q8_0"),
        (15, ("F16",), "F16", "says Q4_K_M, and most weights are F16"),
        (15, ("Q5_0",), "Q5_0", "says Q4_K_M"),  # no fallback where rows are multiples of 256
        (7, ("Q4_0",), "Q4_0", "says Q8_0, and most weights are Q4_0"),
        (1, ("BF16",), "BF16", "says F16"),
        (0, ("Q4_K",), "Q4_K", "says F32"),
        (4711, ("Q4_K",), "Q4_K", "is 4711, which is not known; most weights are Q4_K"),
        (5, ("Q4_0",), "Q4_0", "is 5, which is not known"),
    ],
)
def test_a_label_that_the_tensors_contradict_is_named_for_the_tensors(tmp_path, file_type, types, label, words):
    path = model(tmp_path, file_type, types)
    who = identify(path, path, tmp_path / "cache")
    assert who.quantisation == label
    assert len(who.remarks) == 1
    assert words in who.remarks[0]
    assert "remarks" not in who.to_json()  # a record holds them as findings


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("llama-Q8_0.gguf", "the file's name says Q8_0, and most weights are Q4_K"),
        ("llama.f16.gguf", "the file's name says F16"),
        ("llama-fp16.gguf", "the file's name says F16"),
        ("Llama-UD-IQ2_XXS.GGUF", "the file's name says UD-IQ2_XXS"),
        ("llama-q4_k_s.gguf", "the file's name says Q4_K_S, and general.file_type says Q4_K_M"),
        ("llama-q4_k_m.gguf", None),
        ("llama-Q4_K.gguf", None),
        ("f16-made-q4_k_m.gguf", None),
        ("llama.gguf", None),
        ("a-QQ8_0X.gguf", None),
    ],
)
def test_a_file_s_name_is_held_against_what_it_holds(tmp_path, name, words):
    path = model(tmp_path, 15, ("Q4_K",), name)
    who = identify(path, path, tmp_path / "cache")
    assert who.quantisation == "Q4_K_M"
    assert [words in remark for remark in who.remarks] == ([True] if words else [])


UD = {
    "m-UD-Q4_K_XL.gguf": (15, ("Q4_K", "Q5_K", "IQ4_XS", "Q4_K", "Q8_0"), "UD-Q4_K_XL"),
    "m-UD-Q4_K_XL-00001-of-00001.gguf": (15, ("Q4_K",), "UD-Q4_K_XL"),
    "m-ud-q8_k_xl.gguf": (7, ("Q8_0", "Q8_0", "BF16"), "UD-Q8_K_XL"),
    "n-UD-Q8_K_XL.gguf": (7, ("BF16", "BF16", "Q8_0"), "UD-Q8_K_XL"),
    "m-UD-IQ1_S.gguf": (24, ("IQ2_XXS", "IQ2_XXS", "IQ1_S"), "UD-IQ1_S"),
    "m-UD-Q2_K_XL.gguf": (10, ("IQ3_XXS", "Q3_K", "Q3_K", "Q2_K"), "UD-Q2_K_XL"),
    "m-UD-TQ1_0.gguf": (24, ("IQ1_S",), "UD-TQ1_0"),
    "m-Q4_K_L.gguf": (15, ("Q4_K", "Q6_K", "Q4_K"), "Q4_K_L"),
    "m-Q4_K_M.gguf": (15, ("Q4_K", "Q4_K", "IQ4_XS"), "Q4_K_M-mixed"),  # renamed, and no plain recipe gives less
    "m.gguf": (17, ("Q5_K", "Q5_K", "Q4_K"), "Q5_K_M-mixed"),
}  # fmt: skip


@pytest.mark.parametrize("name", UD)
def test_a_mixture_of_its_own_is_named_for_its_recipe_and_not_accused(tmp_path, name):
    file_type, types, label = UD[name]
    if "-of-" in name:
        read = gguf.read(model(tmp_path, file_type, types))
        assert (labels.label(read, name), labels.remarks(read, name)) == (label, ())
        return
    path = model(tmp_path, file_type, types, name)
    who = identify(path, path, tmp_path / "cache")
    assert (who.quantisation, who.remarks) == (label, ())


def test_a_name_of_a_mixture_that_the_tensors_deny_names_nothing(tmp_path):
    path = model(tmp_path, 15, ("Q4_K",), "m-UD-Q8_K_XL.gguf")
    who = identify(path, path, tmp_path / "cache")
    assert who.quantisation == "Q4_K_M"
    assert who.remarks == ("the file's name says UD-Q8_K_XL, and most weights are Q4_K",)


def test_without_a_file_type_the_label_is_that_of_most_weights(tmp_path):
    read = gguf.read(model(tmp_path, None, ("Q6_K", "Q4_K", "Q6_K")))
    assert weights.quantisation(read) == "Q6_K"
    assert labels.remarks(read, "m.gguf") == ()


def test_header_and_name_that_err_alike_are_one_remark(tmp_path):
    read = gguf.read(model(tmp_path, 15, ("Q8_0",)))
    assert len(labels.remarks(read, "llama-q4_k_m.gguf")) == 1


@pytest.mark.parametrize("name", ["m-Q1_0.gguf", "m-q2_0.gguf", "m-TQ2_0.gguf", "m-NVFP4.gguf"])
def test_the_newest_names_are_held_against_the_tensors_too(tmp_path, name):
    read = gguf.read(model(tmp_path, 15, ("Q4_K",), name))
    (remark,) = labels.remarks(read, name)
    assert "and most weights are Q4_K" in remark


def test_every_file_type_of_the_engine_has_a_name_and_a_type_of_tensor():
    """LLAMA_FTYPE of the pinned llama.cpp: 0 to 41 without the removed 4 to 6 and 33 to 35."""
    assert set(labels.FILE_TYPES) == set(range(42)) - {4, 5, 6, 33, 34, 35}
