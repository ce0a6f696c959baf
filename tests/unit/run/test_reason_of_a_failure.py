"""Why an engine failed: a code only where the evidence is there, and no record of what was not the engine's failure."""

import signal

import pytest

from harness.capture.cgroup import oom_kills
from harness.capture.source import Tree
from harness.errors import BadInput, NotEnoughSpace, RecordInvalid, RunFailed, RuntimeUnavailable
from harness.record.outcome import STAGES, WORDS, Reason, Stage
from harness.record.schema import Outcome
from harness.run.conclude.excerpt import LIMIT, excerpt
from harness.run.conclude.reason import reason_of, stage_of
from harness.run.execute.collect import ProcessLog
from harness.run.execute.launcher import Ended
from runtimes.interface import FAILURE_REASONS
from runtimes.support import failure_signs

DIED = RunFailed("the worker was killed", where="worker", code="killed")


def died(number, tail="", last="loading", kills=None):
    return Ended(DIED, tail, last, status=number, oom_kills=kills)


def told(error, tail="", by_engine=False, last="loading"):
    return Ended(error, tail, last, told=True, by_engine=by_engine)


def code(ended, signs=failure_signs.LLAMA_CPP):
    found = reason_of(ended, signs)
    return None if found is None else found.code


LINES = {
    "llama_model_load: error loading model: unknown model architecture: 'nosuch'": "unsupported_architecture",
    "gguf_init_from_file: tensor 'blk.0.attn_q.weight' has invalid ggml type 77. should be in [0, 41)": "unsupported_quantisation",
    "ggml_aligned_malloc: insufficient memory (attempted to allocate 514.50 MB)": "out_of_memory",
    "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 539494400": "out_of_memory",
    "ggml_gallocr_reserve_n_impl: failed to allocate CPU buffer of size 539494400": "out_of_memory",
    "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 24000.00 MiB on device 0: cudaMalloc failed: out of memory": "out_of_memory",
    "llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache": "out_of_memory",
    "llama_model_load: error loading model: unable to allocate CUDA0 buffer": "out_of_memory",
    "ggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory": "out_of_memory",
    "CUDA error: CUDA driver version is insufficient for CUDA runtime version": "driver_or_library",
    "CUDA error: no kernel image is available for execution on the device": "driver_or_library",
    "llama_model_load: error loading model: missing tensor 'blk.3.attn_norm.weight'": "engine_failed",
    "llama_model_load: error loading model: key not found in model: llama.attention.layer_norm_rms_epsilon": "engine_failed",
    "is it out of memory?": "engine_failed",
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_llama_cpps_log_shows_the_reason(line):
    error = RunFailed(f"llama.cpp can't load it ({line})", where="llama.cpp")
    assert code(told(error)) == LINES[line]
    assert code(told(error, tail=f"something before\n{line}\nsomething after")) == LINES[line]


@pytest.mark.parametrize("line", [line for line in LINES if LINES[line] != "engine_failed"])
def test_the_same_line_before_an_abort_shows_it_too(line):
    found = reason_of(died(-signal.SIGABRT, f"{line}\nggml.c:1644: GGML_ASSERT(x) failed\n"), failure_signs.LLAMA_CPP)
    assert found is not None
    assert (found.code, found.said) == (LINES[line], line)


OTHERS = {
    (failure_signs.PYTORCH, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."): "out_of_memory",
    (failure_signs.PYTORCH, "model type `x` but Transformers does not recognize this architecture"): "unsupported_architecture",
    (failure_signs.PYTORCH, "Unknown quantization type, got foo"): "unsupported_quantisation",
    (failure_signs.MLX, "Model type no-such not supported."): "unsupported_architecture",
    (failure_signs.MLX, "[metal::malloc] Attempting to allocate 99 bytes which is greater than the maximum"): "out_of_memory",
    (failure_signs.MLX, "[malloc] Unable to allocate 99 bytes."): "out_of_memory",
    (failure_signs.OPENVINO, "Unsupported model architecture 'gemma3'"): "unsupported_architecture",
    (failure_signs.OPENVINO, "Check 'data != nullptr' failed: [load_gguf] gguf_tensor_to_f16 failed"): "unsupported_quantisation",
    (failure_signs.OPENVINO, "[GPU] Exceeded max size of memory object allocation: requested 4831838208 bytes"): "out_of_memory",
    (failure_signs.VLLM, "Model architectures ['X'] are not supported for now."): "unsupported_architecture",
    (failure_signs.VLLM, "No available memory for the cache blocks."): "out_of_memory",
    (failure_signs.VLLM, "Unknown quantization method: foo"): "unsupported_quantisation",
    (failure_signs.VLLM, "libcudart.so.13: cannot open shared object file: No such file or directory"): "driver_or_library",
}  # fmt: skip


@pytest.mark.parametrize(("signs", "line"), OTHERS)
def test_lines_of_the_other_engines_show_it(signs, line):
    assert code(told(RunFailed(line, where="x")), signs) == OTHERS[signs, line]


def test_a_kill_is_for_want_of_memory_only_where_the_kernel_counted_it():
    assert code(died(-signal.SIGKILL, kills=1)) == "out_of_memory"
    assert code(died(-signal.SIGKILL, kills=0)) == "killed"
    assert code(died(-signal.SIGKILL, kills=None)) == "killed"
    assert code(died(-signal.SIGSEGV, kills=1)) == "engine_crashed"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGBUS, signal.SIGFPE])
def test_another_signal_is_a_crash(number):
    assert code(died(-number)) == "engine_crashed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_that_asks_to_end_is_an_interruption(number):
    assert code(died(-number)) is None


def test_silence_is_a_time_out_once_the_engine_was_reached():
    silent = RunFailed("the worker hung", where="worker", code="hung")
    assert code(Ended(silent, "", "loading", waited_s=1800)) == "timed_out"
    assert code(Ended(silent, "", "trial", waited_s=900)) == "timed_out"
    assert code(Ended(silent, "", "hello", waited_s=60)) is None
    assert code(Ended(silent, "", "", waited_s=60)) is None


def test_an_exit_of_the_engine_is_its_failure_and_a_worker_that_never_started_is_not():
    assert code(died(3, "oops: a fatal error\n")) == "engine_failed"
    assert code(died(3, last="")) is None
    assert code(died(3, last="hello")) is None
    assert code(died(0)) is None


NOT_THE_ENGINE = {
    "what the user gave": BadInput("-o context is too small", where="-o context"),
    "a damaged file": BadInput("data is not within the file bounds", where="x.gguf"),
    "a record that may not be published": RecordInvalid("would publish an identifier", where="privacy check"),
    "a disk that is full": NotEnoughSpace("no space is left", where="/tmp"),
    "an engine that is not installed": RuntimeUnavailable("can't be imported (No module named x)", where="llama.cpp"),
    "an adapter that gives nonsense": RuntimeUnavailable("load gives a NoneType", where="mine"),
    "an exception of ours": RunFailed("KeyError: 'x'", where="worker", code="exception KeyError"),
}


@pytest.mark.parametrize("what", NOT_THE_ENGINE)
def test_what_was_not_the_engines_failure_gets_no_record(what):
    assert code(told(NOT_THE_ENGINE[what])) is None


def test_a_pipe_with_garbage_is_not_the_engines_failure():
    assert (
        code(Ended(RunFailed("the worker's pipe carries garbage", where="worker", code="protocol"), "", "loading"))
        is None
    )


def test_what_the_engine_raised_is_its_failure():
    error = RunFailed("RuntimeError: cuDNN", where="worker", code="exception RuntimeError")
    assert code(told(error, by_engine=True)) == "engine_failed"
    assert code(told(NotEnoughSpace("out of memory ()", where="worker", code="no memory"))) == "out_of_memory"
    assert code(told(NotEnoughSpace("too little", where="vllm", code="no device memory"))) == "out_of_memory"
    missing = RuntimeUnavailable("can't be imported (libcuda.so.1)", where="llama.cpp", code="library")
    assert code(told(missing)) == "driver_or_library"


def test_other_ids_than_the_references_are_a_reason_of_their_own():
    error = RunFailed("11 tokens in place of 5", where="tokenizer", code="tokenizer")
    assert code(Ended(error, "llama: out of memory", "loaded", told=True)) == "tokenizer"


@pytest.mark.parametrize(
    ("last", "stage"),
    [("loading", "load"), ("loaded", "load"), ("clock", "warm-up"), ("warm", "measured"), ("probe", "measured")],
)
def test_the_last_frame_says_how_far_it_came(last, stage):
    assert stage_of(ProcessLog(0), last) == stage


def test_every_code_is_one_of_the_schema_and_has_words():
    reasons = Outcome.model_json_schema()["properties"]["reason"]["anyOf"][0]["enum"]
    stages = Outcome.model_json_schema()["properties"]["stage"]["anyOf"][0]["enum"]
    assert reasons == [str(one) for one in Reason] == [str(one) for one in WORDS]
    assert stages == [str(one) for one in Stage] == [str(one) for one in STAGES]
    assert set(FAILURE_REASONS) <= set(reasons)
    for signs in (
        failure_signs.LLAMA_CPP,
        failure_signs.MLX,
        failure_signs.OPENVINO,
        failure_signs.PYTORCH,
        failure_signs.VLLM,
    ):
        assert {sign.reason for sign in signs} == set(FAILURE_REASONS)


HIDDEN = {
    "failed to open GGUF file '/home/eva maria/models/x.gguf'": "failed to open GGUF file [...]",
    "error at /tmp/pip-wheel-0nh/llama.cpp/ggml/src/ggml.c:1644: GGML_ASSERT(p != NULL) failed": "error at [...] GGML_ASSERT(p != NULL) failed",
    "C:\\Users\\eva\\x.gguf is bad": "[...] is bad",
    "~/models/x.gguf is bad": "[...] is bad",
    "eva@example.org says no": "[...] says no",
    "at https://hub.example/eva/x?token=1 no": "at [...] no",
    "device GPU-8f6bd32a-11f2-4f3e-9df1-000000000001 lost": "device [...] lost",
    "from 192.168.1.17:8080 nothing": "from [...] nothing",
    "mac 02:42:ac:11:00:02 seen": "mac [...] seen",
    "at 0x7f8d906ba217 in f": "at [...] in f",
    "on workstation-7 by eva": "on [...] by [...]",
    "a\x1b[31mred\x07\nline": "a?[31mred? line",
    "Speicher f\u00fcr Puffer": "Speicher f?r Puffer",
    "unknown model architecture: 'nosuch'": "unknown model architecture: 'nosuch'",
    "allocating 24000.00 MiB on device 0: cudaMalloc failed": "allocating 24000.00 MiB on device 0: cudaMalloc failed",
    "10 tok/s and 3/4 layers": "10 tok/s and 3/4 layers",
}  # fmt: skip


@pytest.mark.parametrize("text", HIDDEN)
def test_the_engines_words_are_told_without_paths_names_and_controls(text):
    assert excerpt(text, ("workstation-7", "eva")) == HIDDEN[text]


def test_an_excerpt_is_cut_and_fits_the_schema():
    assert len(excerpt("x " * 5000, ())) == LIMIT
    Outcome(status="failed", reason="killed", stage="load", error=excerpt("\u2028\x00\u202e" * 400, ()), loaded=False,
            given={}, devices=None, evidence={})  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n", 2),
        ("memory.events.local", "oom 0\noom_kill 0\n", 0),
        ("memory.events", "nonsense\n", None),
    ],
)
def test_the_kernels_count_of_this_group(tmp_path, name, text, count):
    group = tmp_path / "sys/fs/cgroup/user.slice/run"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/user.slice/run\n")
    (group / name).write_text(text)
    assert oom_kills(Tree(tmp_path)) == count


def test_the_kernels_count_in_version_1(tmp_path):
    group = tmp_path / "sys/fs/cgroup/memory/job"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/job\n0::/\n")
    (group / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    assert oom_kills(Tree(tmp_path)) == 5
