"""MLX: an mlx-lm model driven by our own loop over its KV cache, batch 1; Metal on a Mac, the processor elsewhere.

The loop is mlx-lm's `generate_step`, greedy, its log-probabilities included: the next step is queued before the last one's id is
waited for, so that the host builds its graph meanwhile, as it does for a user. A token is stamped when its evaluation has ended.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from harness.errors import BadInput, NotEnoughSpace, RunFailed, RuntimeUnavailable
from runtimes.interface import (
    Capabilities,
    Device,
    DeviceKind,
    ModelFiles,
    Option,
    RuntimeFacts,
    Scalar,
    Watch,
    with_defaults,
)
from runtimes.support import failure_signs
from runtimes.support.hf_folder import Tokenizer, convert_gguf
from runtimes.support.torch_devices import DTYPES

STEP = 2048  # tokens of a prefill's step: mlx-lm's own
CLEAR = 256  # tokens after which mlx-lm gives cached buffers back
SCORE_CHUNK = 16  # rows of logits kept at once
_KV = {"bfloat16": "bf16", "float16": "f16", "float32": "f32"}


class MLX:
    """The adapter. Weights in the folder's own types, quantised ones as MLX stores them."""

    name = "mlx"
    formats = ("safetensors",)
    capabilities = Capabilities(converts=True, probes=True)
    failure_signs = failure_signs.MLX
    options: Mapping[str, Option] = {
        "context": Option("tokens of prompt and output; default: what the suite needs, rounded up", int, minimum=8),
        "device": Option(
            "gpu (Metal) or cpu; auto takes the GPU where MLX has one", str, "auto", ("auto", "gpu", "cpu")
        ),
        "dtype": Option("type of unquantised weights and cache; auto is the checkpoint's own", str, "auto", DTYPES),
        "prefill_step": Option("most tokens of a prefill's step", int, STEP, minimum=1, maximum=1 << 20),
    }

    convert = staticmethod(convert_gguf)

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedMLX:
        """Load the folder."""
        try:
            import mlx.core as mx
            import mlx_lm
        except (ImportError, OSError, RuntimeError) as error:
            raise RuntimeUnavailable(
                f"mlx or mlx_lm can't be imported ({error})", where="mlx", fix="run: repro runtime install mlx"
            ) from error
        return LoadedMLX(mx, mlx_lm, model, with_defaults(self.options, options))

    def probe(self) -> str:
        """See `Probing`."""
        import mlx.core as mx
        from mlx_lm import utils
        from mlx_lm.models import cache

        used = {
            "mlx.core": (
                mx,
                "async_eval eval clear_cache device_info get_active_memory set_default_device stream synchronize",
            ),
            "mlx_lm.utils": (utils, "load_model"),
            "mlx_lm.models.cache": (cache, "make_prompt_cache"),
        }
        missing = [
            f"{name}.{word}" for name, (of, words) in used.items() for word in words.split() if not hasattr(of, word)
        ]
        return f"there is no {', '.join(missing)}" if missing else ""


def _device(mx: Any, asked: str) -> Any:
    """What to compute on. Raises `BadInput` where MLX has no GPU and one was asked for."""
    has = mx.device_count(mx.gpu) > 0 if hasattr(mx, "device_count") else mx.metal.is_available()
    if asked == "gpu" and not has:
        raise BadInput(
            "this MLX has no GPU", where="-o device=gpu", fix="take -o device=cpu, or a Mac with Apple's chip"
        )
    return mx.gpu if asked == "gpu" or (asked == "auto" and has) else mx.cpu


class LoadedMLX:
    """One model and its cache, batch 1."""

    def __init__(self, mx: Any, mlx_lm: Any, model: ModelFiles, options: Mapping[str, Any]) -> None:
        from mlx_lm.models import cache

        self._mx, self._make = mx, cache.make_prompt_cache
        device = _device(mx, options["device"])
        mx.set_default_device(device)
        self._gpu = device == mx.gpu
        self._tokenizer = Tokenizer.of(model.path)
        self._capacity, self._chunk = int(options["context"]), int(options["prefill_step"])
        with self._told():
            self._model = self._open(model, options["dtype"])
            self._cache = self._make(self._model)
        self._prompted, self._decoded, self._ahead = False, 0, False
        self.facts = self._facts(mlx_lm, model, options)

    def _open(self, model: ModelFiles, dtype: str) -> Any:
        from mlx_lm.utils import load_model

        mx = self._mx
        try:
            loaded, self._config = load_model(model.path)  # without trust_remote_code: never code from a repository
        except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
            # What mlx-lm knows by name and can't do is its failure; what it can't read may be the folder's own.
            raise (RunFailed if failure_signs.shows(failure_signs.MLX, str(error)) else BadInput)(
                f"mlx-lm can't load it ({error})",
                where=model.path.name,
                fix="check config.json against this mlx-lm, or take another model",
            ) from error
        if dtype != "auto":
            loaded.set_dtype(getattr(mx, dtype))
        mx.eval(loaded.parameters())
        if self._gpu and mx.metal.is_available():
            # As stream_generate has it: weights that fit stay wired.
            mx.set_wired_limit(int(mx.device_info()["max_recommended_working_set_size"]))
        return loaded

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Out of memory, said in one line."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not failure_signs.shows(failure_signs.MLX, str(error)) and not isinstance(error, MemoryError):
                raise
            raise NotEnoughSpace(
                f"MLX found too little memory ({error})", where="mlx", fix="take a smaller model or a shorter suite",
                code="no device memory",
            ) from error  # fmt: skip

    def _facts(self, mlx_lm: Any, model: ModelFiles, options: Mapping[str, Any]) -> RuntimeFacts:
        from mlx.utils import tree_flatten
        from mlx_lm.utils import get_total_parameters

        mx, text = self._mx, self._config.get("text_config") or self._config
        arrays = [array for _, array in tree_flatten(self._model.parameters())]
        floats = {str(one.dtype).removeprefix("mlx.core.") for one in arrays if mx.issubdtype(one.dtype, mx.floating)}
        dtype = "+".join(sorted(floats)) or "unknown"
        settings: dict[str, Scalar] = {
            "context": self._capacity,
            "device": "gpu" if self._gpu else "cpu",
            "dtype": dtype,
            "type_k": _KV.get(dtype, dtype),
            "type_v": _KV.get(dtype, dtype),
            "quantization": _quantization(self._config),
            "prefill_step": self._chunk,
            "kv_cache": "grows",
            "prefix_caching": False,
            "batching": 1,
        }
        return RuntimeFacts(
            engine="mlx",
            version=version("mlx"),
            package=f"mlx-lm {version('mlx-lm')}",
            commit="not told",
            build={"backend": _backend(mx, self._gpu), "transformers": version("transformers")},
            settings=settings,
            devices=(_described(mx, self._gpu),),
            vocab_size=int(text["vocab_size"]),
            context_tokens=self._capacity,
            bos_id=self._tokenizer.bos_id,
            add_bos=self._tokenizer.add_bos,
            clock="host, after each evaluation, the next one queued",
            model={
                "description": type(self._model).__module__.removeprefix("mlx_lm.models."),
                "parameters": int(get_total_parameters(self._model)),
                "size_bytes": sum(int(one.nbytes) for one in arrays),
                "layers": len(self._model.layers),
                "context_trained": text.get("max_position_embeddings"),
            },
        )

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of `text`."""
        return self._tokenizer.ids(text, add_bos=add_bos)

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """See `LoadedRuntime.generate`."""
        needed = len(prompt) + output_tokens
        if needed > self._capacity:
            raise BadInput(f"{needed} tokens don't fit into {self._capacity}", where="-o context", fix="make it larger")
        mx, made = self._mx, []  # type: tuple[Any, list[int]]
        # Forced, step k feeds the k-th of these; greedy, what step k - 1 chose.
        fed = [mx.array([one]) for one in (*prompt[-1:], *(forced or ()))]
        steps = max(output_tokens, 1)
        with self._told():
            watch.start()
            self._prefill(prompt[:-1])
            queued = self._queue(fed[0], forced is None)
            for index in range(steps):
                following = None
                if output_tokens:
                    # After the last token too, as mlx-lm: a processor computes most of a step while it is queued, so that
                    # each stamp would have a part of the next step behind it but the last one.
                    feed = queued if forced is None else fed[min(index + 1, len(fed) - 1)]
                    following = self._queue(feed, forced is None)
                mx.eval(queued)
                if output_tokens:
                    made.append(int(queued.item()) if forced is None else forced[index])
                watch.token()
                if index % CLEAR == 0:
                    mx.clear_cache()
                queued = following
            mx.synchronize()  # the step too many is not the next trial's
        self._prompted = bool(prompt)
        self._decoded = steps - self._prompted
        self._ahead = bool(output_tokens)
        return made

    def _prefill(self, tokens: Sequence[int]) -> None:
        """All of the prompt but its last token, in mlx-lm's steps; no logits are computed."""
        mx = self._mx
        for begin in range(0, len(tokens), self._chunk):
            self._model(mx.array(tokens[begin : begin + self._chunk])[None], cache=self._cache)
            mx.eval([one.state for one in self._cache])
            mx.clear_cache()

    def _queue(self, token: Any, choose: bool) -> Any:
        """A step, handed to the device: the id that it chooses, or its logits where none is chosen."""
        mx, logits = self._mx, self._model(token[None], cache=self._cache)[:, -1, :]
        if not choose:
            mx.async_eval(logits)
            return logits
        # mlx-lm computes them for every token, greedy or not.
        logprobs = logits - mx.logsumexp(logits, keepdims=True)
        chosen = mx.argmax(logprobs, axis=-1)
        mx.async_eval(chosen, logprobs)
        return chosen

    def score(self, tokens: Sequence[int]) -> float:
        """Teacher-forced, in chunks over a cache of its own."""
        mx, cache, total = self._mx, self._make(self._model), 0.0
        with self._told():
            for begin in range(0, len(tokens) - 1, SCORE_CHUNK):
                chunk = tokens[begin : begin + SCORE_CHUNK]
                following = mx.array(tokens[begin + 1 : begin + 1 + len(chunk)])
                logits = self._model(mx.array(chunk)[None], cache=cache)[0].astype(mx.float32)[: len(following)]
                rows = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
                total -= float(mx.take_along_axis(rows, following[:, None], axis=-1).sum())
        return total / max(len(tokens) - 1, 1)

    def counters(self) -> Mapping[str, int]:
        """What the cache holds after the trial, less what was decoded, is what the prefill computed."""
        found = {"decode_steps": self._decoded}
        if self._prompted:
            computed = max(int(one.offset) for one in self._cache)
            found["prefill_tokens"] = computed - self._decoded - self._ahead
        return found

    def reset(self) -> None:
        """A new cache: nothing of the last trial is kept."""
        self._cache = self._make(self._model)
        self._mx.clear_cache()
        self._prompted, self._decoded, self._ahead = False, 0, False

    def close(self) -> None:
        """Free model and cache."""
        del self._model, self._cache
        gc.collect()
        self._mx.clear_cache()


def _quantization(config: Mapping[str, Any]) -> str:
    """As MLX stores it: mode, bits and group; "none" for weights as they are."""
    found = config.get("quantization") or {}
    if not found:
        return "none"
    more = "_mixed" if any(isinstance(one, dict) for one in found.values()) else ""
    return f"mlx_{found.get('mode', 'affine')}_{found.get('bits')}bit_g{found.get('group_size')}{more}"


def _backend(mx: Any, gpu: bool) -> str:
    return "metal" if gpu and mx.metal.is_available() else "cuda" if gpu else "cpu"


def _described(mx: Any, gpu: bool) -> Device:
    """As MLX names it. Apple's GPU shares the processor's memory."""
    info = mx.device_info(mx.gpu if gpu else mx.cpu)
    shared = gpu and mx.metal.is_available()
    kind = DeviceKind.CPU if not gpu else DeviceKind.IGPU if shared else DeviceKind.GPU
    memory = info.get("max_recommended_working_set_size", info.get("memory_size")) if gpu else None
    name, architecture = str(info.get("device_name") or "CPU"), str(info.get("architecture") or "unknown")
    return Device(name, kind, f"MLX's {'gpu' if gpu else 'cpu'}, architecture {architecture}", memory and int(memory))
