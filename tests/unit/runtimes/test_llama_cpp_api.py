"""What the adapter asks of a release of llama-cpp-python: a setting that it would ignore is never recorded as set."""

import ctypes
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import BadInput
from runtimes.support import llama_cpp_api as api

SUPPORT = ("llama_cpp_build", "llama_cpp_draft", "llama_cpp_sequences", "llama_cpp_states")
ADAPTER = [Path("runtimes/llama_cpp.py"), *(Path(f"runtimes/support/{name}.py") for name in SUPPORT)]


class Old(ctypes.Structure):
    """As of 0.3.30."""

    _fields_ = [("use_mmap", ctypes.c_bool), ("use_direct_io", ctypes.c_bool), ("use_mlock", ctypes.c_bool)]


class Oldest(ctypes.Structure):
    """As of 0.3.16."""

    _fields_ = [("use_mmap", ctypes.c_bool), ("use_mlock", ctypes.c_bool)]


class New(ctypes.Structure):
    """As of 0.3.35."""

    _fields_ = [("load_mode", ctypes.c_int)]


def engine(**without):
    """A module that has all that the adapter uses, but what is named."""
    held = {f"llama_{name}": object() for name in api._FUNCTIONS}
    for structure, fields in api._FIELDS.items():
        kept = [(name, ctypes.c_int) for name in fields if name not in without.get(structure, ())]
        if structure == "llama_model_params":
            kept += without.get("modes", [("load_mode", ctypes.c_int)])
        held[structure] = type(structure, (ctypes.Structure,), {"_fields_": kept})
    return SimpleNamespace(**{name: value for name, value in held.items() if name not in without.get("names", ())})


def test_an_engine_that_has_everything_is_driven():
    assert api.missing_of(engine()) == ""
    assert api.missing_of(engine(modes=[(name, ctypes.c_bool) for name in api._NAMES])) == ""


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ({"names": ("llama_memory_clear",)}, "llama_memory_clear"),
        ({"names": ("llama_perf_context_data",)}, "llama_perf_context_data.t_p_eval_ms"),
        ({"llama_context_params": ("flash_attn_type",)}, "llama_context_params.flash_attn_type"),
        ({"modes": []}, "llama_model_params.load_mode"),
        ({"modes": [("use_mmap", ctypes.c_bool), ("use_mlock", ctypes.c_bool)]}, "llama_model_params.load_mode"),
    ],
)
def test_an_engine_that_lacks_a_function_or_a_field_is_told_by_its_name(without, said):
    assert said in api.missing_of(engine(**without))


def test_the_probe_asks_for_all_that_the_adapter_uses():
    text = "".join(path.read_text() for path in ADAPTER)
    used = set(re.findall(r"engine\.llama_(\w+)", text))
    assert used == set(api._FUNCTIONS)
    set_on = set(re.findall(r"params\.(\w+) = ", text))
    assert set_on == {*api._FIELDS["llama_model_params"], *api._FIELDS["llama_context_params"]}


def test_a_load_mode_becomes_the_switches_of_an_older_release():
    found = {}
    for mode in api.LOAD_MODES:
        params = Old(True, False, False)
        api.set_load_mode(params, mode)
        found[mode] = (params.use_mmap, params.use_mlock, params.use_direct_io)
    assert found == {
        "auto": (True, False, False), "none": (False, False, False), "mmap": (True, False, False), "mlock": (False, True, False),
        "mmap+mlock": (True, True, False), "direct-io": (False, False, True),
    }  # fmt: skip
    params = New(7)
    api.set_load_mode(params, "mlock")
    assert params.load_mode == 2


def test_a_load_mode_that_a_release_lacks_is_refused_rather_than_recorded():
    with pytest.raises(BadInput, match="-o load_mode=direct-io"):
        api.set_load_mode(Oldest(True, False), "direct-io")
    params = Oldest(True, False)
    api.set_load_mode(params, "none")
    assert not params.use_mmap
