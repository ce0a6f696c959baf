"""PyTorch: a transformers model driven by our own decode loop over a static KV cache.

Never `model.generate`: it asks the device for a stop after every token, grows its inputs and runs processors, which
would be timed. On the CPU a forward pass has ended when it returns, and the host clock stamps each token. On CUDA the
tokens stay on the device, events on the working stream stamp them, and one synchronise ends the trial.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from harness.errors import BadInput, NotEnoughSpace, RunFailed, RuntimeUnavailable
from runtimes.interface import Capabilities, ModelFiles, Option, RuntimeFacts, Scalar, Watch, with_defaults
from runtimes.support import failure_signs
from runtimes.support.cuda_events import CudaEvents
from runtimes.support.hf_folder import Tokenizer, convert_gguf, refuse_made_up
from runtimes.support.torch_devices import DTYPES, device_ids, device_places, gpu, kv_type, off_device_mib, processor

COMPILE = ("off", "default", "reduce-overhead", "max-autotune")
SCORE_CHUNK = 16  # rows of logits kept at once


class PyTorch:
    """The adapter. Eager by default, as most people run it."""

    name = "pytorch"
    formats = ("safetensors",)
    capabilities = Capabilities(converts=True, probes=True)
    failure_signs = failure_signs.PYTORCH
    options: Mapping[str, Option] = {
        "threads": Option("threads of an operation; default: the cores that this process may use", int, minimum=1),
        "context": Option("slots of the static KV cache; default: what the suite needs, rounded up", int, minimum=8),
        "device": Option("cpu, cuda or cuda:N; auto takes a CUDA device where torch sees one", str, "auto"),
        "dtype": Option("type of weights and cache; auto is the checkpoint's own", str, "auto", DTYPES),
        "attention": Option("transformers' implementation of attention", str, "sdpa", ("sdpa", "eager", "flash_attention_2")),
        "compile": Option("torch.compile of the decode step; reduce-overhead uses CUDA graphs", str, "off", COMPILE),
        "tf32": Option("let float32 matrix products use TF32", bool, False),
    }  # fmt: skip

    convert = staticmethod(convert_gguf)

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedPyTorch:
        """Load the folder onto the device."""
        try:
            import torch
            import transformers
        except (ImportError, OSError, RuntimeError) as error:
            raise RuntimeUnavailable(
                f"torch or transformers can't be imported ({error})",
                where="pytorch",
                fix="run: repro runtime install pytorch",
            ) from error
        return LoadedPyTorch(torch, transformers, model, with_defaults(self.options, options))

    def probe(self) -> str:
        """See `Probing`."""
        import torch
        import transformers

        used = {
            "torch": (torch, "compile OutOfMemoryError inference_mode set_num_threads get_num_threads"),
            "torch.cuda": (torch.cuda, "Event is_available device_count synchronize"),
            "transformers": (transformers, "AutoModelForCausalLM DynamicCache StaticCache"),
        }
        missing = [
            f"{name}.{word}" for name, (of, words) in used.items() for word in words.split() if not hasattr(of, word)
        ]
        return f"there is no {', '.join(missing)}" if missing else ""


def _device(torch: Any, asked: str) -> Any:
    """The device to run on. Raises `BadInput` where it is not there."""
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = asked.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise BadInput(f"{asked!r} must be a device", where="-o device", fix="take auto, cpu, cuda or cuda:N")
    if kind == "cuda":
        if not torch.cuda.is_available():
            built = "has no CUDA in it" if torch.version.cuda is None else "sees no CUDA device"
            raise BadInput(
                f"this torch ({torch.__version__}) {built}",
                where="-o device",
                fix="take -o device=cpu, or check the driver and run: repro runtime install pytorch --backend cuda",
            )
        if number and int(number) >= torch.cuda.device_count():
            count = torch.cuda.device_count()
            raise BadInput(f"there are {count} CUDA devices, from 0", where=f"-o device={asked}", fix="take another")
    return torch.device(asked)


class LoadedPyTorch:
    """One model and one static cache, batch 1."""

    def __init__(self, torch: Any, transformers: Any, model: ModelFiles, options: Mapping[str, Any]) -> None:
        self._torch = torch
        if options["threads"]:
            torch.set_num_threads(options["threads"])
        self._device = _device(torch, options["device"])
        torch.backends.cuda.matmul.allow_tf32 = bool(options["tf32"])
        self._tokenizer = Tokenizer.of(model.path)
        dtype = options["dtype"]
        with self._told():
            self._model = self._open(transformers, model, options, dtype)
            self._capacity = int(options["context"])
            self._cache = transformers.StaticCache(config=self._model.config, max_cache_len=self._capacity)
            self._positions = torch.arange(self._capacity, device=self._device)[None]
            self._slot = torch.zeros((1, 1), dtype=torch.long, device=self._device)
            self._at = torch.zeros((1, 1), dtype=torch.long, device=self._device)
            self._made = torch.zeros(self._capacity, dtype=torch.long, device=self._device)
            self._compiles = options["compile"] != "off"
            self._step = self._compiled(options["compile"])
            self._events = CudaEvents(torch, self._device, self._capacity + 2) if self._device.type == "cuda" else None
        self._dynamic_cache = transformers.DynamicCache
        self._graphs = self._length = self._decoded = 0
        self._prompted = False
        self.facts = self._facts(transformers, options)

    def _open(self, transformers: Any, model: ModelFiles, options: Mapping[str, Any], dtype: str) -> Any:
        try:
            loaded, told = transformers.AutoModelForCausalLM.from_pretrained(
                model.path,
                dtype=dtype if dtype == "auto" else getattr(self._torch, dtype),
                attn_implementation=options["attention"],
                local_files_only=True,
                trust_remote_code=False,  # never code from a model's repository
                use_safetensors=True,
                output_loading_info=True,
            )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            if isinstance(error, self._torch.OutOfMemoryError):
                raise
            # What transformers knows by name and can't do is its failure; what it can't read may be the folder's own.
            raise (RunFailed if failure_signs.shows(failure_signs.PYTORCH, str(error)) else BadInput)(
                f"transformers can't load it ({error})",
                where=model.path.name,
                fix="check config.json and -o attention against this transformers, or take another model",
            ) from error
        refuse_made_up(told, model.path.name)
        return loaded.eval().to(self._device)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Out of device memory, said in one line."""
        try:
            yield
        except self._torch.OutOfMemoryError as error:
            raise NotEnoughSpace(
                "the device has not enough memory for weights and cache",
                where=str(self._device),
                fix="take a smaller model, -o dtype=bfloat16, a shorter suite, or free the device",
                code="no device memory",
            ) from error

    def _compiled(self, mode: str) -> Any:
        def step(token: Any, position: Any) -> Any:
            return self._model(
                input_ids=token, position_ids=position, past_key_values=self._cache, use_cache=True, logits_to_keep=1
            ).logits

        if mode == "off":
            return step
        compiled = self._torch.compile(step, mode=None if mode == "default" else mode)

        def marked(token: Any, position: Any) -> Any:
            # What a CUDA graph gave is overwritten by its next replay: the step before is done with.
            self._torch.compiler.cudagraph_mark_step_begin()
            return compiled(token, position)

        return marked

    def _facts(self, transformers: Any, options: Mapping[str, Any]) -> RuntimeFacts:
        torch, config = self._torch, self._model.config
        dtype = str(self._model.dtype).removeprefix("torch.")
        cuda = self._device.type == "cuda"
        settings: dict[str, Scalar] = {
            "threads": int(torch.get_num_threads()),
            "context": self._capacity,
            "device": str(self._device),
            "dtype": dtype,
            "type_k": kv_type(dtype),
            "type_v": kv_type(dtype),
            "attention": str(config._attn_implementation),
            "compile": options["compile"],
            "tf32": bool(torch.backends.cuda.matmul.allow_tf32),
            "kv_cache": "static",
            "batching": 1,
        }
        text = config.get_text_config(decoder=True)
        off_device = off_device_mib(self._model, self._device) if cuda else 0
        if off_device:
            settings["weights_on_cpu_mib"] = off_device
        return RuntimeFacts(
            engine="pytorch",
            version=str(torch.__version__),
            package=f"transformers {transformers.__version__}",
            commit=str(torch.version.git_version),
            build=_build(torch, cuda),
            settings=settings,
            devices=(gpu(torch, self._index()) if cuda else processor(torch),),
            vocab_size=int(text.vocab_size),
            context_tokens=self._capacity,
            bos_id=self._tokenizer.bos_id,
            add_bos=self._tokenizer.add_bos,
            clock="CUDA events on the working stream" if cuda else "host, after each synchronous forward pass",
            device_ids=device_ids(torch, [self._index()]) if cuda else (),
            device_places=device_places(torch, [self._index()]) if cuda else (),
            model={
                "description": type(self._model).__name__,
                "parameters": sum(p.numel() for p in self._model.parameters()),
                "size_bytes": sum(p.numel() * p.element_size() for p in self._model.parameters()),
                "layers": int(text.num_hidden_layers),
                "context_trained": int(getattr(text, "max_position_embeddings", 0)) or None,
            },
        )

    def _index(self) -> int:
        index: int | None = self._device.index
        return int(self._torch.cuda.current_device()) if index is None else index

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of `text`."""
        return self._tokenizer.ids(text, add_bos=add_bos)

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """See `LoadedRuntime.generate`."""
        needed = len(prompt) + output_tokens
        if needed > self._capacity:
            raise BadInput(
                f"{needed} tokens don't fit into {self._capacity} slots", where="-o context", fix="make it larger"
            )
        self._graphs = self._graph_count()
        loop = self._on_host if self._events is None else self._on_device
        with self._told(), self._torch.inference_mode():
            made = loop(prompt, output_tokens, watch, forced)
        self._prompted = bool(prompt)
        self._decoded = max(output_tokens - self._prompted, 0)
        self._length = int(self._cache.get_seq_length())
        self._graphs = self._graph_count() - self._graphs
        return made

    def _prefill(self, prompt: Sequence[int]) -> Any:
        ids = self._torch.tensor([prompt], device=self._device)
        return self._model(
            input_ids=ids,
            position_ids=self._positions[:, : len(prompt)],
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,  # else every prompt position's row over the vocabulary is computed
        ).logits

    def _on_host(self, prompt: Sequence[int], count: int, watch: Watch, forced: Sequence[int] | None) -> list[int]:
        """Each forward pass has ended when it returns; the choice is made after the step's stamp."""
        step, slot, at, depth = self._step, self._slot, self._at, len(prompt)
        made: list[int] = []
        watch.start()
        if depth:
            logits = self._prefill(prompt)
            watch.step()
            if count:
                made.append(int(logits[0, -1].argmax()) if forced is None else forced[0])
            watch.token()
        # After a prefill the newest id is fed next; without one, the list is fed from its start.
        for index in range(len(made), count):
            slot.fill_(made[-1] if depth else forced[index])  # type: ignore[index]
            at.fill_(depth + index - (1 if depth else 0))
            logits = step(slot, at)
            watch.step()
            made.append(int(logits[0, -1].argmax()) if forced is None else forced[index])
            watch.token()
        return made

    def _on_device(self, prompt: Sequence[int], count: int, watch: Watch, forced: Sequence[int] | None) -> list[int]:
        """No token comes to the host before the end: the device runs ahead, as it does for a user."""
        assert self._events is not None  # noqa: S101 - the caller chose by it
        torch, events, step = self._torch, self._events, self._step
        slot, at, out, depth = self._slot, self._at, self._made, len(prompt)
        given = None if forced is None else torch.tensor(forced, dtype=torch.long, device=self._device)
        torch.cuda.synchronize(self._device)
        watch.start()
        events.record(0)
        stamped = 0
        if depth:
            logits = self._prefill(prompt)
            if count:
                out[0] = logits[0, -1].argmax() if given is None else given[0]
            stamped = 1
            events.record(1)
        at.fill_(depth)
        for index in range(1 if depth else 0, count):
            slot.copy_((out if depth else given)[index - 1 if depth else index])  # type: ignore[index]
            logits = step(slot, at)
            out[index] = logits[0, -1].argmax() if given is None else given[index]
            at.add_(1)
            stamped += 1
            events.record(stamped)
        torch.cuda.synchronize(self._device)
        watch.device(events, stamped + 1)
        made: list[int] = out[:count].tolist()
        return made

    def _graph_count(self) -> int:
        if not self._compiles:
            return 0
        from torch._dynamo.utils import counters

        return int(counters["stats"]["unique_graphs"])

    def score(self, tokens: Sequence[int]) -> float:
        """Teacher-forced, in chunks over a growing cache of its own: every row over the vocabulary of a chunk is kept."""
        torch = self._torch
        total = 0.0
        with self._told(), torch.inference_mode():
            cache = self._dynamic_cache(config=self._model.config)
            ids = torch.tensor([list(tokens)], device=self._device)
            for begin in range(0, len(tokens), SCORE_CHUNK):
                chunk = ids[:, begin : begin + SCORE_CHUNK]
                logits = self._model(input_ids=chunk, past_key_values=cache, use_cache=True).logits[0]
                following = ids[0, begin + 1 : begin + 1 + chunk.shape[1], None]
                rows = torch.log_softmax(logits[: len(following)].double(), dim=-1)
                total -= float(rows.gather(1, following).sum())
        return total / max(len(tokens) - 1, 1)

    def counters(self) -> Mapping[str, int]:
        """What the cache holds after the trial, less what was decoded, is what the prefill computed."""
        found = {"decode_steps": self._decoded}
        if self._prompted:
            found["prefill_tokens"] = self._length - self._decoded
        if self._graphs:
            found["compiled_graphs"] = self._graphs
        return found

    def reset(self) -> None:
        """Empty the cache, and see that it is empty."""
        with self._torch.inference_mode():  # the cache's tensors were made in it
            self._cache.reset()
        self._graphs = self._length = self._decoded = 0
        self._prompted = False
        left = int(self._cache.get_seq_length())
        if left:
            raise RunFailed(f"the static cache still holds {left} positions after a reset", where="pytorch")

    def close(self) -> None:
        """Free model and cache."""
        cuda = self._events is not None
        self._events = None
        del self._model, self._cache, self._step
        if cuda:
            self._torch.cuda.empty_cache()


def _build(torch: Any, cuda: bool) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {
        "cpu_capability": str(torch.backends.cpu.get_cpu_capability()),
        "mkl": bool(torch.backends.mkl.is_available()),
        "mkldnn": bool(torch.backends.mkldnn.is_available()),
        "openmp": bool(torch.backends.openmp.is_available()),
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "tokenizers": version("tokenizers"),
    }
    if cuda:
        found["cudnn"] = int(torch.backends.cudnn.version() or 0)
        found["sdp_flash"] = bool(torch.backends.cuda.flash_sdp_enabled())
        found["sdp_memory_efficient"] = bool(torch.backends.cuda.mem_efficient_sdp_enabled())
    return found
