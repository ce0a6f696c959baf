"""What a matrix names beyond its engine runs, reads or asks nothing unless the user names it on the command line, too."""

from pathlib import Path

import pytest

from harness.catalog import matrices
from harness.catalog.triples import Triple
from harness.errors import BadInput
from harness.fleet import job as jobs
from harness.fleet import state as states
from harness.fleet.admit import refuse_options, refuse_unrunnable
from harness.fleet.measured import Ways
from harness.fleet.outcome import Ending
from harness.fleet.plan import Node, make_plan
from harness.run.matrix import refuse_reaching
from runtimes import table
from runtimes.interface import Option
from tests.support import tiny_gguf

REACHING = {
    "a program": ("llama-server", "binary", "/tmp/evil.sh"),
    "a program by its name": ("llama-server", "binary", "evil"),
    "an address": ("openai-http", "url", "http://169.254.169.254/latest"),
    "an address without slashes": ("openai-http", "url", "internal:80"),
    "another server's address": ("ollama", "url", "http://10.0.0.1:11434"),
    "a file to read": ("openai-http", "ca_file", "/etc/hostname"),
    "a file to write": ("simulated", "fault_flag", "made"),
    "a file to count in": ("simulated", "ambient_file", "made"),
    "a path where a name belongs": ("vllm", "quantization", "/tmp/evil"),
}
# The texts that our adapters take freely, none of which an engine opens or asks; a draft model is held to what a model is.
NAMES = {"draft_model", "devices", "tensor_split", "device", "quantization", "served_model", "answers_as", "engine"}


def triple(runtime, name, value):
    return Triple(model="gemma-3-270m-q4_k_m", runtime=runtime, suite="quick", options={name: value})


@pytest.fixture
def read(tmp_path):
    def written(text):
        path = tmp_path / "m.toml"
        path.write_text(text)
        return matrices.read(path)

    return written


@pytest.mark.parametrize("case", REACHING)
def test_a_matrix_names_no_program_file_or_address_by_itself(read, case):
    runtime, name, value = REACHING[case]
    text = f'name = "m"\n[[triples]]\nmodel = "gemma-3-270m-q4_k_m"\nruntime = "{runtime}"\noptions = {{ {name} = "{value}" }}\n'
    for refuse in (refuse_unrunnable, refuse_reaching):  # of a fleet, and of `repro matrix run`
        with pytest.raises(
            BadInput, match=rf"options\.{name}: names a program, a file or an address.*--allow-option {name}="
        ) as told:
            refuse(read(text), ())
        assert "\n" not in str(told.value)
        refuse(read(text), (f"{name}={value}",))
        with pytest.raises(BadInput):  # the very value that the user named, and no other
            refuse(read(text), (f"{name}={value}x",))


@pytest.mark.parametrize("part", ["pairs", "grid", "sweep"])
def test_wherever_in_the_matrix_it_stands(read, part):
    model = 'model = "gemma-3-270m-q4_k_m"\n'
    text = {
        "pairs": f'[[pairs]]\nname = "p"\n{model}runtime = "llama-server"\na = {{ options = {{ binary = "/tmp/evil" }} }}\nb = {{}}\n',
        "grid": '[grid]\nmodels = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama-server"]\n[grid.options]\nbinary = ["/tmp/evil"]\n',
        "sweep": f'[sweep]\n{model}runtime = "llama-server"\n[sweep.options]\nbinary = ["a", "/tmp/evil"]\n',
    }[part]
    with pytest.raises(BadInput, match="names a program"):
        (refuse_reaching if part == "sweep" else refuse_unrunnable)(read('name = "m"\n' + text), ("binary=a",))


def test_a_key_that_holds_its_value_is_read_as_the_option_that_it_sets(read):
    with pytest.raises(BadInput, match="names a program"):
        refuse_options(triple("llama-server", "binary=/tmp/evil", "x"))


def test_a_node_looks_again_and_takes_what_the_plan_allows(tmp_path, read, simulated_record):
    ran = []

    def bench(request, _progress):
        ran.append(request.settings)
        return simulated_record

    text = 'name = "m"\n[[triples]]\nmodel = "gemma-3-270m-q4_k_m"\nruntime = "simulated"\noptions = { fault_flag = "x" }\n'
    for allowed in ((), ("fault_flag=x",)):
        plan = make_plan(read(text), [Node(name="reaching")], "local", f"id{len(allowed)}", allowed=allowed)
        state = states.create(tmp_path / plan.id, plan)
        assert jobs.run_job(state, 0, "test", ways=Ways(bench=bench), examine=lambda *_: ())
        assert state.outcome(0).ending is (Ending.MEASURED if allowed else Ending.REFUSED)
    assert ran == [("fault_flag=x",)]


def test_every_text_that_an_adapter_of_ours_takes_freely_is_known():
    """A new option is declared as one that reaches out, or looked at and listed here."""
    for name in table.BUILT_IN:
        for option, declared in table.find(name).options.items():
            free = declared.kind is str and not declared.choices
            assert not free or declared.reaches or declared.secret or option in NAMES, f"{name}: {option}"


def test_what_reaches_out_is_declared_by_kind_program_or_outside():
    assert [one.reaches for one in (Option("x"), Option("x", Path), Option("x", program=True), Option("x", outside=True))] == [
        False, True, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["secret.txt", "secret.gguf", "folder"])
def test_a_path_that_is_no_model_is_refused_before_anything_starts_and_none_of_its_content_is_told(
    read, tmp_path, name
):
    (tmp_path / "folder").mkdir()
    for file in ("secret.txt", "secret.gguf", "folder/config.json"):
        (tmp_path / file).write_text("root:geheim:19000:0\n")
    text = f'name = "m"\n[[triples]]\nmodel = "{tmp_path / name}"\nruntime = "simulated"\nsuite = "quick"\n'
    with pytest.raises(BadInput) as told:
        refuse_unrunnable(read(text))
    assert "\n" not in str(told.value)
    assert "geheim" not in str(told.value)


def test_a_path_that_is_a_model_passes(read, tmp_path):
    (tmp_path / "own.gguf").write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    refuse_unrunnable(
        read(f'name = "m"\n[[triples]]\nmodel = "{tmp_path / "own.gguf"}"\nruntime = "simulated"\nsuite = "quick"\n')
    )
