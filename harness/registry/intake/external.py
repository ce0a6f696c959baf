"""Logs of other tools as evidence beside a row: bytes in, values out. Pure; it never keeps what could name a person or machine.

An import is signed by nobody's rig: never a hub, never a voice, *low* at most. What the log does not say stays "". A number in
which prompt and output are mixed is no rate: it is left out or refused with the reason, never taken apart by subtracting runs.
Only named fields are read: no host, path, option string, label or generated text comes near a value.

Sources: llama.cpp tools/llama-bench/llama-bench.cpp, vllm/benchmarks/{serve,latency,throughput}.py, llamafile localscore/*.cpp.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np

from harness.errors import BadInput
from harness.measure.pace import pace_of
from harness.registry.facts import Evidence
from harness.registry.intake.external_log import Log, is_number, values
from harness.registry.intake.external_names import label

ALL_LAYERS = 99  # what people ask llama.cpp for when they mean all
ONE_EACH = 0.005  # mean gap between chunks over mean gap between tokens, less one: above this a chunk is no token
LONGEST_S = 86400.0
ALONE = "run it against the server itself, without stream intervals or speculation"


def read(data: bytes, where: str, tool: str | None = None) -> list[Evidence]:
    """What the log proves, in its order. Raises `BadInput`: none of the formats, not of `tool`, or nothing that is a rate."""
    if tool is not None and tool not in TOOLS:
        raise BadInput(f"no log of {tool!r} can be read", where=where, fix=f"one of {', '.join(TOOLS)}")
    objects = values(data, where)
    found: list[Evidence] = []
    for number, value in enumerate(objects, 1):
        log = Log(value, where if len(objects) == 1 else f"{where}, entry {number}")
        name, reader = _recognised(log)
        if tool not in (None, name):
            raise log.refusal(f"is a log of {name}, not of {tool}")
        found += reader(log)
    if not found:
        fix = "run llama-bench with -p or -n, not with -pg"
        raise BadInput("times prompt and output under one clock: no rate follows", where=where, fix=fix)
    return found


def as_payload(evidence: Evidence) -> dict[str, Any]:
    """Integers and text only, fit for a canonical event."""
    return {**asdict(evidence), "samples_micro": list(evidence.samples_micro)}


def _llama_bench(test: Log) -> list[Evidence]:
    """A test of `llama-bench -o json|jsonl`: n_prompt alone is prefill, n_gen alone is decode, each repetition a sample.

    Rates are tokens / samples_ns: the log's own avg_ts is a mean of rates. Both at once (`-pg`) is one clock around two phases
    and is left out. The warm-up of a decode test is one token, so that its first sample may run slow. Runs over RPC are refused:
    the devices are another machine's, and their names may be addresses.
    """
    prompt, output = test.count("n_prompt"), test.count("n_gen")
    spans = [test.whole(span, "samples_ns", 1) for span in test.entries("samples_ns")]
    test.agree(sum(spans) / len(spans), test.positive("avg_ns"), "samples_ns and avg_ns")
    if "RPC" in test.raw("backends").split(","):
        raise test.refusal("ran over RPC on devices of another machine", "measure on one machine")
    if prompt and output:
        return []
    build = test.raw("build_commit")
    commit = f" ({build})" if re.fullmatch(r"[0-9a-f]{7,40}", build) else ""
    return [
        Evidence(
            tool="llama-bench",
            tool_version=f"b{number}{commit}" if (number := test.count("build_number")) else "",
            engine="llama.cpp",
            model=test.file_name("model_filename"),
            quantisation=label(test.text("model_type")),  # "qwen2 7B Q4_K - Medium": llama_model_desc
            device=_llama_bench_device(test),
            metric="prefill_rate" if prompt else "decode_rate",
            prompt_tokens=prompt,
            output_tokens=output,
            depth=test.count("n_depth") if "n_depth" in test.value else 0,
            samples_micro=tuple(test.micro((prompt + output) * 1e9 / span, "samples_ns") for span in spans),
            measured=_utc_date(test.raw("test_time")),
        )
    ]


def _llama_bench_device(test: Log) -> str:
    """All GPUs that the log lists (it does not say which of them ran), with the CPU wherever a part may have run there."""
    cpu, gpu = test.text("cpu_info"), test.text("gpu_info")
    if not gpu or test.raw("devices") == "none":
        return cpu
    layers = test.value.get("n_gpu_layers", -1)
    whole = isinstance(layers, int) and not 0 <= layers < ALL_LAYERS and not test.value.get("n_cpu_moe", 0)
    return gpu if whole or not cpu else f"{gpu} + {cpu}"


def _localscore(run: Log) -> list[Evidence]:
    """A run of LocalScore, as printed by `-o json` and as sent to its site: prompt_tps is prefill, gen_tps is decode.

    Each is the mean of one phase's own clock; samples_ns there spans both phases and is not read, nor is the score. The one check
    that the log allows is made: tokens / rate of both phases add up to avg_time_ms.
    """
    runtime = run.part(run.value.get("runtime_info"), "runtime_info")
    name = runtime.text("name")
    if name.lower() not in ("llamafile", "llama.cpp"):
        raise run.refusal(f"ran on {name!r}, which is not known to wrap llama.cpp")
    device = run.part(run.value.get("accelerator_info"), "accelerator_info").text("name")
    found: list[Evidence] = []
    for number, value in enumerate(run.entries("results"), 1):
        result = run.part(value, f"result {number}")
        prompt, output = result.count("n_prompt"), result.count("n_gen")
        seconds = 0.0
        for metric, tokens, key in (("prefill_rate", prompt, "prompt_tps"), ("decode_rate", output, "gen_tps")):
            if tokens == 0:
                continue
            rate = result.positive(key)
            sample = result.micro(rate, key)
            seconds += tokens / rate
            found.append(
                Evidence(
                    tool="LocalScore",
                    tool_version=f"{name} {runtime.text('version')}".strip(),
                    engine="llama.cpp",
                    model=result.file_name("model_name"),
                    quantisation=label(result.text("model_quant_str")),
                    device=device,
                    metric=metric,
                    prompt_tokens=prompt,
                    output_tokens=output,
                    depth=0,
                    samples_micro=(sample,),
                    measured=_utc_date(result.raw("test_time")),
                )
            )
        # A mean of rates and a mean of times differ by the spread squared: 10 % leaves room for a spread of 30 %.
        result.agree(seconds * 1000, result.positive("avg_time_ms"), "rates and avg_time_ms", within=0.1)
    return found


def _vllm_serve(result: Log) -> list[Evidence]:
    """A result of `vllm bench serve`: decode rate, from one request at a time, all of one length.

    (n - 1) / (last token - first token) of each request with --save-detailed, else 1 / mean TPOT. Without the detail, equal
    lengths show only in totals that divide evenly. Not taken: prefill (TTFT holds HTTP, queue, tokenising and a first decode
    step, and the ready check has seeded the prefix cache with the first prompt), anything under concurrency (the rate of a shared
    machine), throughputs (prompt phases, ramp and drain inside), speculative and diffusion decoding. The log names no device and
    no version, its date is in an unnamed time zone, and `--backend openai` speaks to any server: all of these stay "".
    """
    backend = result.raw("backend") or result.raw("endpoint_type")
    if backend not in ("vllm", "openai", "openai-chat"):
        raise result.refusal(f"measured a server of the kind {backend!r}", "a log of vLLM is needed")
    if any(key.startswith(("spec_decode_", "diffusion_")) for key in result.value):
        raise result.refusal("was decoded speculatively or by diffusion: its rate is not a decode rate")
    requests = result.count("completed", 1)
    if result.value.get("failed", 0) != 0 or requests < result.count("num_prompts"):
        raise result.refusal("some of its requests failed", "run it again")
    alone = (result.value.get(key) for key in ("completed", "max_concurrency", "max_concurrent_requests"))
    if not any(value == 1 and value is not True for value in alone):
        raise result.refusal("its requests ran side by side and shared the machine", "run it with --max-concurrency 1")
    prompt = _per_request(result, "total_input_tokens", "input_lens", requests)
    output = _per_request(result, "total_output_tokens", "output_lens", requests)
    if output < 2:
        raise result.refusal("one token of output has no decode phase", "run it with a longer output")
    if "itls" in result.value:
        gaps = [_gaps(result, own) for own in result.entries("itls")]
        if len(gaps) != requests:
            raise result.refusal(f"has the gaps of {len(gaps)} requests, {requests} were completed")
        if "mean_tpot_ms" in result.value:
            mean_ms = 1000 * math.fsum(map(math.fsum, gaps)) / (requests * (output - 1))
            result.agree(mean_ms, result.positive("mean_tpot_ms"), "itls and mean_tpot_ms")
        samples = tuple(result.micro(_pace(result, own, output), "itls") for own in gaps)
    else:
        rate = result.micro(1000 / result.positive("mean_tpot_ms"), "mean_tpot_ms")
        # One is of tokens, the other of chunks: only where each token came in a chunk of its own are they the same.
        if abs(result.positive("mean_itl_ms") / result.positive("mean_tpot_ms") - 1) > ONE_EACH:
            raise result.refusal(
                "its chunks held several tokens (mean_itl_ms is not mean_tpot_ms): no rate follows", ALONE
            )
        samples = (rate,)
    return [
        Evidence(
            tool="vllm bench",
            tool_version="",
            engine="vllm" if backend == "vllm" else "",
            model=result.file_name("model_id"),
            quantisation="",
            device="",
            metric="decode_rate",
            prompt_tokens=prompt,
            output_tokens=output,
            depth=0,
            samples_micro=samples,
            measured="",
        )
    ]


def _per_request(result: Log, total: str, lengths: str, requests: int) -> int:
    """Tokens of each request. Raises `BadInput` where they differ."""
    each, rest = divmod(result.count(total), requests)
    listed = result.entries(lengths) if lengths in result.value else [each] * requests
    if rest or len(listed) != requests or any(length != each for length in listed):
        raise result.refusal(f"its requests differ in length ({total})", "run it with --dataset-name random")
    return each


def _gaps(result: Log, gaps: Any) -> list[float]:
    """Seconds between the chunks of a request."""
    if not isinstance(gaps, list) or not all(is_number(gap) and gap >= 0 for gap in gaps) or not any(gaps):
        raise result.refusal("its itls are not lists of seconds")
    return gaps


def _pace(result: Log, gaps: list[float], output: int) -> float:
    """Tokens a second after the first moment. Raises `BadInput` where chunks held several tokens, or no pace can be read."""
    if len(gaps) != output - 1:
        what = f"a request has {len(gaps)} gaps between chunks for {output} tokens: its chunks are not tokens"
        raise result.refusal(f"{what}, and no rate follows", ALONE)
    if math.fsum(gaps) > LONGEST_S:
        raise result.refusal("its itls are longer than a day")
    stamps = np.concatenate(([1], 1 + np.rint(np.cumsum(gaps) * 1e9))).astype(np.int64)
    pace = pace_of(stamps, {"chunks": output, "placed_tokens": output})
    if pace.reason:
        raise result.refusal(f"no pace can be read from its stream: {pace.reason}", ALONE)
    return (output - 1) / math.fsum(gaps) if pace.first == 1 else pace.steps * 1e9 / pace.span_ns


def _vllm_offline(log: Log) -> list[Evidence]:
    """Of `vllm bench latency|throughput` nothing: one number holds prompt and output; latency does not even say how many."""
    what = "`vllm bench latency` and `throughput` take prompt and output in one number: no rate follows"
    raise log.refusal(what, "use `vllm bench serve --max-concurrency 1 --save-result`")


Reader: TypeAlias = Callable[[Log], list[Evidence]]
# The fields that mark a format are those that every version of its tool wrote.
FORMATS: tuple[tuple[str, tuple[str, ...], Reader], ...] = (
    ("llama-bench", ("build_commit", "model_filename", "n_prompt", "n_gen", "avg_ns", "samples_ns"), _llama_bench),
    ("LocalScore", ("runtime_info", "accelerator_info", "results"), _localscore),
    ("vllm bench", ("model_id", "num_prompts", "completed", "total_output_tokens"), _vllm_serve),
    ("vllm bench", ("avg_latency", "latencies", "percentiles"), _vllm_offline),
    ("vllm bench", ("elapsed_time", "num_requests", "total_num_tokens"), _vllm_offline),
)
TOOLS = tuple(dict.fromkeys(name for name, _, _ in FORMATS))


def _recognised(log: Log) -> tuple[str, Reader]:
    for name, marks, reader in FORMATS:
        if isinstance(log.value, dict) and log.value.keys() >= set(marks):
            return name, reader
    fix = "take what llama-bench -o json, LocalScore -o json or vllm bench serve --save-result wrote"
    raise log.refusal("must be a log of a tool that can be imported", fix)


def _utc_date(stamp: str) -> str:
    """The date of an RFC 3339 stamp that ends in Z; "" of any other."""
    try:
        return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").date().isoformat()
    except ValueError:
        return ""
