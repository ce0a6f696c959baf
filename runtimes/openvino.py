"""OpenVINO GenAI: its continuous batching pipeline inside the worker, ids in, one stamp at each step that gives a token.

The pipeline is what `LLMPipeline` drives on processors and GPUs. `step` returns when the sampled id is on the host, so the host
clock after it is a true token time. Its prefix cache is off. Nothing else can be fed than what it chose: it forces no ids.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np

from harness.errors import BadInput, NotEnoughSpace, RunFailed, RuntimeUnavailable
from runtimes.interface import (
    Capabilities,
    EngineFacts,
    ModelFiles,
    Option,
    RuntimeFacts,
    Scalar,
    Watch,
    with_defaults,
)
from runtimes.support import failure_signs, openvino_account, openvino_source

UNLIMITED = 2**64 - 1  # tokens of a step: what LLMPipeline sets
LONGEST_TEXT = 8192  # ids, to which the tokenizer that is made from a GGUF cuts without a word
PRECISIONS = ("auto", "f32", "bf16", "f16")


class OpenVINO:
    """The adapter. On the processor by default, as OpenVINO GenAI is; nothing is left to AUTO."""

    name = "openvino"
    formats = ("gguf", "openvino")
    capabilities = Capabilities(forces=False, batches=True, describes=True)
    failure_signs = failure_signs.OPENVINO
    options: Mapping[str, Option] = {
        "threads": Option("threads on a CPU; default: the cores that this process may use", int, minimum=1),
        "context": Option("tokens of prompt and output; default: what the suite needs, rounded up", int, minimum=8),
        "device": Option("CPU, GPU or GPU.N, as OpenVINO lists them", str, "CPU"),
        "dtype": Option("type to compute in; auto is the device's own choice, which is recorded", str, "auto", PRECISIONS),
        "kv_cache_dtype": Option(
            "type of the KV cache; auto is the device's own choice", str, "auto", ("auto", "u8", "f16", "bf16", "f32")
        ),
        "dynamic_quantization": Option(
            "group of activations that is rounded to 8 bits; 0 turns it off; default: the device's own choice", int, minimum=0
        ),
        "kv_space_gib": Option("memory set aside for the KV cache; default: it grows as needed", int, minimum=1),
    }  # fmt: skip

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedOpenVINO:
        """Open the GGUF or the folder and compile it for the device."""
        openvino, genai = _engine()
        return LoadedOpenVINO(openvino, genai, model, with_defaults(self.options, options))

    def describe(self) -> EngineFacts:
        """See `Describing`."""
        openvino, genai = _engine()
        core = openvino.Core()
        devices = tuple(openvino_account.device(core, name) for name in core.available_devices)
        return EngineFacts("openvino", str(genai.__version__), _package(), _commit(openvino), _build(openvino), devices)


def _engine() -> tuple[Any, Any]:
    try:
        import openvino
        import openvino_genai
    except (ImportError, OSError, RuntimeError) as error:
        raise RuntimeUnavailable(
            f"openvino_genai can't be imported ({error})", where="openvino", fix="run: repro runtime install openvino"
        ) from error
    return openvino, openvino_genai


def _device(core: Any, asked: str) -> str:
    """The device's name as OpenVINO lists it. Raises `BadInput` for one that it does not, AUTO and the like among them."""
    listed, name = [str(one) for one in core.available_devices], asked.upper()
    usable = [one for one in listed if one.startswith(("CPU", "GPU"))]
    # Of one GPU OpenVINO lists "GPU", of several "GPU.0", "GPU.1", …; either name of the first is taken, as it takes both.
    aliases = {"GPU": "GPU.0", "GPU.0": "GPU"}
    found = name if name in usable else aliases.get(name, "")
    if found not in usable:
        why = "is not driven by this adapter" if name in listed else "must be a device that OpenVINO lists"
        raise BadInput(f"{asked!r} {why}", where="-o device", fix=f"take one of {', '.join(usable)}")
    return found


def _first(device: str) -> str:
    """`GPU` and `GPU.0` are one."""
    return "GPU.0" if device == "GPU" else device


class LoadedOpenVINO:
    """One pipeline with one model."""

    def __init__(self, openvino: Any, genai: Any, model: ModelFiles, options: Mapping[str, Any]) -> None:
        self._tensor, self._genai = openvino.Tensor, genai
        core = openvino.Core()
        device = _device(core, options["device"])
        self._source = openvino_source.of(core, model.path)
        self._requests, self._context = 0, int(options["context"])
        self._counters: dict[str, int] = {}
        with _told(model.path.name), openvino_account.printed() as said:
            self._pipeline = genai.ContinuousBatchingPipeline(
                str(model.path), _scheduler(genai, options), device, _properties(device, options)
            )
        self._tokenizer = self._pipeline.get_tokenizer()
        self.facts = self._facts(openvino, core, device, openvino_account.properties(said.text), options)

    def _facts(
        self, openvino: Any, core: Any, device: str, told: Mapping[str, str], options: Mapping[str, Any]
    ) -> RuntimeFacts:
        source = self._source
        on = told.get("EXECUTION_DEVICES", "a device that it does not tell")
        if _first(on) != _first(device):
            raise RunFailed(f"asked for {device}, it computes on {on}", where="openvino")
        settings: dict[str, Scalar] = {
            # What the engine chose and did not tell is unknown, never what was asked for.
            **dict.fromkeys(("dtype", "type_k", "type_v", "dynamic_quantization"), openvino_account.UNKNOWN),
            **openvino_account.settings(told),
            "context": self._context,
            "device": device,
            "weights": source.weights,
            "kv_space_gib": options["kv_space_gib"],
            "attention_backend": "PA",
            "prefix_caching": False,
            "batching": 1,
        }
        return RuntimeFacts(
            engine="openvino",
            version=str(self._genai.__version__),
            package=_package(),
            commit=_commit(openvino),
            build=_build(openvino) | {"isa": told.get("RUNTIME_REQUIREMENTS", "").partition("isa=")[2] or None},
            settings=settings,
            devices=(openvino_account.device(core, device),),
            vocab_size=source.vocabulary,
            context_tokens=self._context,
            bos_id=source.bos_id,
            add_bos=source.add_bos,
            clock="host, after each step of the pipeline, its id on the host",
            device_places=openvino_account.places(core, [device]),
            model=source.model,
        )

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of `text`: of a folder by its tokenizer.json. Raises `BadInput` where the engine's own tokenizer, which a GGUF has
        alone, would read it otherwise than as plain text, or cut it.
        """
        if self._source.tokenizer is not None:
            return self._source.tokenizer.ids(text, add_bos=add_bos)
        # Its tokenizer splits special tokens out wherever they stand, and can't be told not to.
        special = next((one for one in self._source.special if one and one in text), "")
        if special:
            raise BadInput(
                f"holds {special!r}, which OpenVINO's tokenizer takes for a special token",
                where="text",
                fix="leave it out",
            )
        made = self._tokenizer.encode(text, add_special_tokens=False).input_ids.data
        ids = [int(one) for one in np.asarray(made).ravel()] if text else []
        if len(ids) >= LONGEST_TEXT:
            raise BadInput(
                f"is cut to {LONGEST_TEXT} tokens by OpenVINO's tokenizer", where="text", fix="take a shorter suite"
            )
        bos = self.facts.bos_id
        return [bos, *ids] if add_bos and bos is not None else ids

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """See `LoadedRuntime.generate`. A prefill alone is a request for one token, which is dropped."""
        if forced and output_tokens:
            raise BadInput("OpenVINO GenAI chooses its own tokens", where="openvino", fix="take a greedy workload")
        ((made, account),) = self._run([prompt], max(output_tokens, 1), [watch])
        self._counters = account
        return made[:output_tokens]

    def generate_batch(
        self, prompts: Sequence[Sequence[int]], output_tokens: int, watches: Sequence[Watch]
    ) -> list[tuple[list[int], Mapping[str, int]]]:
        """See `Batching.generate_batch`."""
        return [(made, account) for made, account in self._run(prompts, output_tokens, watches)]

    def _run(
        self, prompts: Sequence[Sequence[int]], count: int, watches: Sequence[Watch]
    ) -> list[tuple[list[int], dict[str, int]]]:
        """Ids and account of each request; a token is stamped once it could be read."""
        self._refuse_longer(max(map(len, prompts)) + (count if count > 1 else 0))
        config = self._genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos, config.do_sample = count, True, False
        inputs = [self._tensor(np.array([list(prompt)], dtype=np.int64)) for prompt in prompts]
        pipeline, made = self._pipeline, [[] for _ in prompts]  # type: tuple[Any, list[list[int]]]
        first = self._requests
        self._requests += len(prompts)
        with _told("openvino"):
            for watch in watches:
                watch.start()
            handles = [pipeline.add_request(first + index, one, config) for index, one in enumerate(inputs)]
            waiting = list(zip(handles, made, [watch.token for watch in watches], strict=True))
            while pipeline.has_non_finished_requests():
                pipeline.step()
                for handle, ids, stamp in waiting:
                    if handle.can_read():
                        for output in handle.read().values():
                            for token in output.generated_ids:
                                ids.append(token)
                                stamp()
            return [(ids, self._account(handle)) for handle, ids, _ in waiting]

    def _account(self, handle: Any) -> dict[str, int]:
        """The engine's own times of a request. It does not count what it computed of a prompt."""
        if handle.get_status() != self._genai.GenerationStatus.FINISHED:
            raise NotEnoughSpace(
                "the KV cache had no room for the request", where="openvino", fix="raise -o kv_space_gib, or leave it out",
                code="no memory",
            )  # fmt: skip
        metrics = handle.get_perf_metrics()
        steps = int(metrics.get_num_generated_tokens()) - 1
        found = {"decode_steps": steps, "prefill_ns": round(metrics.get_ttft().mean * 1e6)}
        if steps > 0:
            found["decode_ns"] = round(metrics.get_tpot().mean * steps * 1e6)
        return found

    def _refuse_longer(self, needed: int) -> None:
        if needed > self._context:
            raise BadInput(f"{needed} tokens don't fit into {self._context}", where="-o context", fix="make it larger")

    def score(self, tokens: Sequence[int]) -> float:
        """From the log-probabilities that the pipeline gives for a prompt which it echoes."""
        self._refuse_longer(len(tokens))
        config = self._genai.GenerationConfig()
        config.max_new_tokens, config.echo, config.logprobs = 0, True, 1
        self._requests += 1
        found: list[float] = []
        with _told("openvino"):
            handle = self._pipeline.add_request(
                self._requests, self._tensor(np.array([list(tokens)], dtype=np.int64)), config
            )
            while self._pipeline.has_non_finished_requests():
                self._pipeline.step()
                while handle.can_read():
                    found += [one for output in handle.read().values() for one in output.generated_log_probs]
        if len(found) != len(tokens):  # the first is a place holder
            raise RunFailed(f"gave {len(found)} log-probabilities for {len(tokens)} tokens", where="openvino")
        return -math.fsum(found[1:]) / max(len(tokens) - 1, 1)

    def counters(self) -> Mapping[str, int]:
        """Of the newest request."""
        return self._counters

    def reset(self) -> None:
        """Nothing is kept between requests: prefix caching is off. The pipeline must be idle."""
        self._counters = {}
        if self._pipeline.has_non_finished_requests():
            raise RunFailed("the pipeline still holds a request", where="openvino")

    def close(self) -> None:
        """Free the model."""
        del self._pipeline, self._tokenizer
        gc.collect()


def _scheduler(genai: Any, options: Mapping[str, Any]) -> Any:
    config = genai.SchedulerConfig()
    config.enable_prefix_caching = False  # LLMPipeline's is on
    config.max_num_batched_tokens = UNLIMITED
    if options["kv_space_gib"]:
        config.cache_size = options["kv_space_gib"]
    return config


def _properties(device: str, options: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"sampler_num_threads": 1}  # as LLMPipeline has it
    if device == "CPU" and options["threads"]:
        found["INFERENCE_NUM_THREADS"] = options["threads"]
    if options["dtype"] != "auto":
        found["INFERENCE_PRECISION_HINT"] = options["dtype"]
    if options["kv_cache_dtype"] != "auto":
        found["KV_CACHE_PRECISION"] = options["kv_cache_dtype"]
    if options["dynamic_quantization"] is not None:
        found["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = options["dynamic_quantization"]
    return found


@contextmanager
def _told(where: str) -> Iterator[None]:
    """What the engine can't do, as a failure of its own, in one line."""
    try:
        yield
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = [line for line in lines if not line.startswith("Exception from ")] or lines
        raise RunFailed(
            f"OpenVINO can't run it ({'; '.join(said)})",
            where=where,
            fix="take another model, another -o device, or another runtime",
        ) from error


def _package() -> str:
    return f"openvino-genai {version('openvino-genai')}"


def _commit(openvino: Any) -> str:
    """Of OpenVINO itself, which computes: the third part of `2026.4.1-22982-e213a147257-releases/2026/4`."""
    parts = str(openvino.__version__).split("-")
    return parts[2] if len(parts) > 2 else "unknown"


def _build(openvino: Any) -> dict[str, Scalar]:
    return {"openvino": str(openvino.__version__), "openvino_tokenizers": version("openvino-tokenizers")}
