"""What is and what is no llama-server, by what a program answers."""

import sys
from pathlib import Path

import pytest

from harness.device_kinds import DeviceKind
from harness.errors import BadInput, RuntimeUnavailable
from runtimes.support import llama_server_program
from runtimes.support.llama_server_program import devices_of, look

HELP = "--port PORT   port to listen\\n-fa, --flash-attn [on|off|auto]  set\\n-cram, --cache-ram N  size"


def program(tmp_path, version, help_=HELP, devices="", before=""):
    path = tmp_path / "llama-server"
    path.write_text(
        f"#!{sys.executable}\nimport sys, os, time\n{before}\n"
        f"print({{'--version': {version!r}, '--help': '''{help_}''', '--list-devices': '''{devices}'''}}[sys.argv[1]])\n"
    )
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("said", "version", "commit", "number"),
    [
        ("version: 10068 (571d0d5)\nbuilt with GNU 11.4.0 for Linux x86_64", "b10068", "571d0d5", 10068),
        (
            "version: 0.5.0-dev (build 1, commit 0c1e570)\nbuilt with GNU 12.2.0 for Linux x86_64",
            "0.5.0-dev",
            "0c1e570",
            1,
        ),
        ("version: 0 (unknown)", "b0", "unknown", 0),
        ("version: 1.2.3", "1.2.3", "unknown", None),
    ],
)
def test_version_build_and_commit_are_as_it_says_else_unknown(tmp_path, said, version, commit, number):
    found = look(program(tmp_path, said))
    assert (found.version, found.commit, found.build.get("build_number")) == (version, commit, number)
    if "built with" in said:
        assert found.build["compiler"].startswith("GNU")
        assert found.build["target"] == "Linux x86_64"


def test_it_knows_the_options_of_its_help_and_no_others(tmp_path):
    found = look(program(tmp_path, "version: 1 (abc1234)"))
    assert found.knows("--cache-ram")
    assert found.knows("-cram")
    assert not found.knows("--cache")
    assert not found.knows("--no-webui")


def test_the_devices_that_it_lists_are_told_apart():
    text = (
        "Available devices:\n  CUDA0: NVIDIA GeForce RTX 4090 (24080 MiB, 23000 MiB free)\n"
        "  Vulkan0: llvmpipe (LLVM 15.0.6, 256 bits) (2048 MiB, 2048 MiB free)\n  RPC0: 10.0.0.1:50052 (100 MiB, 90 MiB free)\n"
        "  BLAS: OpenBLAS (0 MiB, 0 MiB free)\n"
    )
    found = devices_of(text)
    assert [(one.name, one.kind) for one in found] == [
        ("CUDA0", DeviceKind.GPU),
        ("Vulkan0", DeviceKind.SOFTWARE),
        ("RPC0", DeviceKind.SERVER),
        ("BLAS", DeviceKind.ACCELERATOR),
    ]
    assert found[0].device.description == "NVIDIA GeForce RTX 4090"
    assert found[0].device.memory_bytes == 24080 << 20
    assert devices_of("Available devices:\n  (none)\n") == ()


def test_another_program_is_no_server():
    with pytest.raises(BadInput, match=r"is not \(--version says \S*true"):
        look(Path("/bin/true"))


def test_a_program_that_says_nothing_is_no_server(tmp_path):
    with pytest.raises(BadInput, match="--version says nothing"):
        look(program(tmp_path, ""))


def test_another_program_with_a_version_is_no_server(tmp_path):
    with pytest.raises(BadInput, match="--version says hello"):
        look(program(tmp_path, "hello"))


def test_another_of_llama_cpps_programs_is_no_server(tmp_path):
    with pytest.raises(BadInput, match=r"another program of llama.cpp"):
        look(program(tmp_path, "version: 1 (abc1234)", help_="-m FNAME"))


def test_a_text_file_is_no_server(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"\0not a program")
    path.chmod(0o755)
    with pytest.raises(BadInput, match="can't be started: Exec format error"):
        look(path)


def test_a_folder_or_nothing_is_no_server(tmp_path):
    with pytest.raises(BadInput, match="it is a folder"):
        look(tmp_path)
    with pytest.raises(BadInput, match="there is no such program"):
        look(tmp_path / "nothing")


def test_a_program_that_hangs_is_no_server(tmp_path, monkeypatch):
    monkeypatch.setattr(llama_server_program, "ANSWER_S", 0.5)
    with pytest.raises(BadInput, match=r"did not answer --version within 0.5 s"):
        look(program(tmp_path, "", before="time.sleep(60)"))


def test_a_missing_library_is_named_and_is_the_machines_fault(tmp_path):
    said = "print('llama-server: error while loading shared libraries: libcublas.so.13: cannot open'); sys.exit(127)"
    with pytest.raises(RuntimeUnavailable, match=r"needs libcublas.so.13") as caught:
        look(program(tmp_path, "", before=said))
    assert caught.value.code == "library"


def test_a_build_for_another_processor_is_named(tmp_path):
    with pytest.raises(RuntimeUnavailable, match=r"SIGILL.*built for another processor") as caught:
        look(program(tmp_path, "", before="os.kill(os.getpid(), 4)"))
    assert caught.value.code == "library"
