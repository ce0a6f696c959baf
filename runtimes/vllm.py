"""vLLM's own engine inside the worker: token ids in, one stamp at each engine step that gives a token.

`LLMEngine.step` returns when the sampled ids are on the host, so the host clock after it is a true token time. The
engine's core runs in this process (no message passing) wherever it can. Prefix caching is off, but for the turns of a
conversation, and every trial proves what was computed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness.errors import BadInput, RunFailed, RuntimeUnavailable
from runtimes.interface import Capabilities, ModelFiles, Option, Watch, with_defaults
from runtimes.support import failure_signs
from runtimes.support.cpu_choice import allowed_cpus, cpus_for
from runtimes.support.hf_folder import Tokenizer, convert_gguf, trained_context
from runtimes.support.torch_devices import DTYPES
from runtimes.support.vllm_facts import facts_of
from runtimes.support.vllm_forcing import forcing
from runtimes.support.vllm_words import told

_ARGUMENTS = (
    "async_scheduling", "disable_log_stats", "dtype", "enable_prefix_caching", "enforce_eager", "generation_config",
    "gpu_memory_utilization", "kv_cache_dtype", "kv_cache_memory_bytes", "logits_processors", "max_model_len",
    "max_num_batched_tokens", "max_num_seqs", "model", "quantization", "seed", "tensor_parallel_size", "tokenizer",
    "trust_remote_code",
)  # fmt: skip


class VLLM:
    """The adapter. Compiled by default, as vLLM is; `-o eager=true` is its `--enforce-eager`."""

    name = "vllm"
    formats = ("safetensors",)
    capabilities = Capabilities(batches=True, converses=True, converts=True, probes=True)
    failure_signs = failure_signs.VLLM
    options: Mapping[str, Option] = {
        "threads": Option("threads on a CPU; default: the cores that this process may use", int, minimum=1),
        "context": Option("tokens of prompt and output; default: what the suite needs, rounded up", int, minimum=8),
        "dtype": Option("type of the weights; auto is the checkpoint's own", str, "auto", DTYPES),
        "eager": Option("no torch.compile and no CUDA graphs", bool, False),
        "kv_space_mib": Option("memory for the KV cache on a CPU", int, 1024, minimum=16, maximum=1 << 22),
        "gpu_memory_percent": Option("share of the GPU's memory that vLLM may take", int, 90, minimum=1, maximum=100),
        "prefix_caching": Option("keep a conversation in the cache; default: on where the suite is one", bool),
        "kv_cache_dtype": Option("type of the KV cache", str, "auto", ("auto", "fp8", "fp8_e4m3", "fp8_e5m2")),
        "tensor_parallel": Option("GPUs that share each layer", int, 1, minimum=1, maximum=64),
        "quantization": Option("vLLM's quantization method; none: as the checkpoint says", str, "none"),
        "batched_tokens": Option("most tokens of one engine step; default: the engine's", int, minimum=1),
        "max_seqs": Option("most requests at once; default: the engine's", int, minimum=1),
        "async_scheduling": Option("schedule a step while the one before it runs", bool, False),
    }

    convert = staticmethod(convert_gguf)

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedVLLM:
        """Start the engine on the folder."""
        options = with_defaults(self.options, options)
        _environment(options)
        try:
            import vllm
        except (ImportError, OSError, RuntimeError) as error:
            raise RuntimeUnavailable(
                f"vllm can't be imported ({error})", where="vllm", fix="run: repro runtime install vllm"
            ) from error
        return LoadedVLLM(vllm, model, options)

    def probe(self) -> str:
        """See `Probing`."""
        _environment(with_defaults(self.options, {}))
        import vllm
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        forcing()  # its base class is the engine's
        held = {field.name for field in fields(vllm.EngineArgs)}
        missing = [f"EngineArgs.{name}" for name in _ARGUMENTS if name not in held]
        missing += [
            f"LLMEngine.{name}"
            for name in ("from_engine_args", "add_request", "step")
            if not hasattr(vllm.LLMEngine, name)
        ]
        missing += [] if hasattr(RequestOutputKind, "DELTA") and SamplingParams else ["RequestOutputKind.DELTA"]
        return f"there is no {', '.join(missing[:3])}" if missing else ""


def _environment(options: Mapping[str, Any]) -> None:
    """vLLM reads these when it is imported."""
    in_process = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0" if options["tensor_parallel"] == 1 else "1"}
    os.environ.update(variables(options, os.environ) | {k: v for k, v in in_process.items() if k not in os.environ})


def variables(options: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, str]:
    """What vLLM's environment must have beside `own`: a value that the operator set stays."""
    allowed = allowed_cpus()
    threads = options["threads"] or len(allowed)
    cores = cpus_for(threads, allowed)
    wanted = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, cores)),
        "OMP_NUM_THREADS": str(threads),
    }
    with suppress(PackageNotFoundError):
        version("vllm-cpu")
        # What 0.32.0 saves of a whole compilation it can't load again ("no attribute 'finalize_loading'"), and compiles anew
        # at every start; the compiler's own cache holds.
        wanted["VLLM_USE_AOT_COMPILE"] = "0"
    return {name: value for name, value in wanted.items() if name not in own}


class LoadedVLLM:
    """One engine with one model."""

    def __init__(self, vllm: Any, model: ModelFiles, options: Mapping[str, Any]) -> None:
        from vllm.sampling_params import RequestOutputKind

        self._vllm = vllm
        self._tokenizer = Tokenizer.of(model.path)
        self._delta = RequestOutputKind.DELTA
        self._requests = 0
        self._counters: dict[str, int] = {}
        self._history: list[int] = []
        cpu = bool(vllm.platforms.current_platform.is_cpu())
        arguments: dict[str, Any] = {
            "model": str(model.path),
            "tokenizer": str(model.path),
            "trust_remote_code": False,  # never code from a model's repository
            "enable_prefix_caching": bool(options["prefix_caching"]),
            # A prefill alone is a request for one token, too; never more than the model was trained for.
            "max_model_len": min(options["context"] + 1, trained_context(model.path) or options["context"] + 1),
            "dtype": options["dtype"],
            "enforce_eager": bool(options["eager"]),
            "kv_cache_dtype": options["kv_cache_dtype"],
            "tensor_parallel_size": options["tensor_parallel"],
            "async_scheduling": bool(options["async_scheduling"]),
            "generation_config": "vllm",  # else the model's repository would choose the sampling
            "seed": 0,
            "disable_log_stats": False,  # its own account of each request is our cross-check
            "logits_processors": [forcing()],
        }
        if options["quantization"] != "none":
            arguments["quantization"] = options["quantization"]
        for name, theirs in (("batched_tokens", "max_num_batched_tokens"), ("max_seqs", "max_num_seqs")):
            if options[name]:
                arguments[theirs] = options[name]
        if cpu:
            arguments["kv_cache_memory_bytes"] = options["kv_space_mib"] << 20
        else:
            arguments["gpu_memory_utilization"] = options["gpu_memory_percent"] / 100
        with told(loading=True):
            self._engine = vllm.LLMEngine.from_engine_args(vllm.EngineArgs(**arguments))
        self.facts = facts_of(vllm, self._engine.vllm_config, self._tokenizer, options, cpu)

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of `text`."""
        return self._tokenizer.ids(text, add_bos=add_bos)

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """See `LoadedRuntime.generate`. A prefill alone is a request for one token, which is dropped; a forced list
        without a prompt begins with its first id as the prompt, so that each id costs one step.
        """
        ids = [*self._history, *prompt] or list(forced or ())[:1]
        count = max(output_tokens, 1)
        # What the engine would choose after feeding the last id is never fed: any id will do.
        following = None if forced is None else [*(forced if prompt else forced[1:]), 0][:count]
        ((made, last),) = self._run([ids], count, following, [watch])
        self._counters = _account(last, len(ids), bool(prompt), count)
        if forced is not None and output_tokens:
            return made if prompt else [*forced[:1], *made[:-1]]
        return made[:output_tokens]

    def remember(self, ids: Sequence[int]) -> None:
        """See `Remembering`: a request that came before, whose whole blocks the prefix cache keeps.

        It is one token longer: of layers with a sliding window the block with a prompt's last token is not kept.
        """
        params = self._vllm.SamplingParams(temperature=0.0, max_tokens=1, ignore_eos=True, detokenize=False)
        self._unstamped([*ids, ids[-1]], params)
        self._history = list(ids)

    def generate_batch(
        self, prompts: Sequence[Sequence[int]], output_tokens: int, watches: Sequence[Watch]
    ) -> list[tuple[list[int], Mapping[str, int]]]:
        """See `Batching.generate_batch`."""
        made = self._run([list(prompt) for prompt in prompts], output_tokens, None, watches)
        return [
            (ids, _account(last, len(prompt), True, output_tokens))
            for (ids, last), prompt in zip(made, prompts, strict=True)
        ]

    def _run(
        self, prompts: Sequence[list[int]], count: int, forced: list[int] | None, watches: Sequence[Watch]
    ) -> list[tuple[list[int], Any]]:
        """Ids and last output of each request; tokens are stamped as their step ends."""
        needed = max(len(prompt) for prompt in prompts) + (count if forced is None or count > 1 else 0)
        if needed > self.facts.context_tokens:
            raise BadInput(
                f"{needed} tokens don't fit into {self.facts.context_tokens}", where="-o context", fix="make it larger"
            )
        params = self._vllm.SamplingParams(
            temperature=0.0,
            max_tokens=count,
            ignore_eos=True,
            detokenize=False,
            output_kind=self._delta,
            extra_args=None if forced is None else {"forced": forced, "prompt_tokens": len(prompts[0])},
        )
        engine = self._engine
        names = [str(self._requests + 1 + index) for index in range(len(prompts))]
        self._requests += len(prompts)
        places = {name: index for index, name in enumerate(names)}
        stamps = [watch.token for watch in watches]
        made: list[list[int]] = [[] for _ in prompts]
        last: list[Any] = [None] * len(prompts)
        with told():
            for watch in watches:
                watch.start()
            for name, prompt in zip(names, prompts, strict=True):
                engine.add_request(name, {"prompt_token_ids": prompt}, params)
            while engine.has_unfinished_requests():
                for output in engine.step():
                    index = places[output.request_id]
                    for token in output.outputs[0].token_ids:
                        made[index].append(token)
                        stamps[index]()
                    last[index] = output
        return list(zip(made, last, strict=True))

    def score(self, tokens: Sequence[int]) -> float:
        """From the log-probabilities that the engine gives for a prompt."""
        params = self._vllm.SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0, detokenize=False)
        last = self._unstamped(tokens, params)
        rows = last.prompt_logprobs if last is not None else None
        if not rows or len(rows) != len(tokens):
            raise RunFailed("the engine gave no log-probabilities for the probe text", where="vllm")
        return -sum(float(rows[i][tokens[i]].logprob) for i in range(1, len(tokens))) / max(len(tokens) - 1, 1)

    def _unstamped(self, ids: Sequence[int], params: Any) -> Any:
        """The last output of one request."""
        self._requests += 1
        self._engine.add_request(str(self._requests), {"prompt_token_ids": list(ids)}, params)
        last = None
        with told():
            while self._engine.has_unfinished_requests():
                for output in self._engine.step():
                    last = output
        return last

    def counters(self) -> Mapping[str, int]:
        """Of the newest request."""
        return self._counters

    def reset(self) -> None:
        """Nothing is kept between requests: prefix caching is off. The engine must be idle."""
        self._counters, self._history = {}, []
        if self._engine.has_unfinished_requests():
            raise RunFailed("the engine still holds a request", where="vllm")
        if not self._engine.reset_prefix_cache() and self.facts.settings["prefix_caching"]:
            raise RunFailed("the engine did not empty its prefix cache", where="vllm")

    def close(self) -> None:
        """Shut the engine's core down."""
        self._engine.engine_core.shutdown()


def _account(output: Any, fed: int, prompted: bool, count: int) -> dict[str, int]:
    """The engine's own account of a request, from its monotonic clock."""
    if output is None:
        raise RunFailed("the engine gave no output at all", where="vllm")
    found = {"decode_steps": count - 1 if prompted else count}
    if prompted:
        cached = int(output.num_cached_tokens or 0)
        found["prefill_tokens"] = fed - cached
        if cached:
            found["cached_tokens"] = cached
    stats = output.metrics
    if stats is not None and stats.first_token_ts > 0:
        found["prefill_ns"] = round((stats.first_token_ts - stats.scheduled_ts) * 1e9)
        found["decode_ns"] = round((stats.last_token_ts - stats.first_token_ts) * 1e9)
        found["preemptions"] = int(getattr(stats, "num_preemptions", 0))
    return found
