"""A folder of OpenVINO's own format (IR): its files, its matrices, and how these are held. No operation is run, no weight read.

What a matrix is for is told by the graph and not by names: what a MatMul reads is a weight, the last one before the result is
the head, what a Gather looks up in is the embedding.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.catalog import openvino_graph, plain_file, safetensors
from harness.catalog.gguf import Tensor
from harness.catalog.openvino_graph import Constant, Graph
from harness.catalog.scheme import Scalar, Scheme, group_word
from harness.errors import BadInput
from harness.files import read_limited

GRAPH, WEIGHTS = "openvino_model.xml", "openvino_model.bin"
_OF_IMAGES = "openvino_language_model.xml"  # beside graphs for what it sees
# What an engine reads of such a folder beside these; nothing in it can be executed.
TOKENIZERS = tuple(f"openvino_{name}.{end}" for name in ("tokenizer", "detokenizer") for end in ("bin", "xml"))
DESCRIBED = ("openvino_config.json",)
BINARIES = frozenset((WEIGHTS, *(name for name in TOKENIZERS if name.endswith(".bin"))))
# What must not stand between the head and the result.
_AFTER_HEAD = frozenset(("Result", "Convert", "Add", "Multiply", "Divide", "Tanh", "Reshape", "Unsqueeze", "Squeeze"))
_FLOATS = frozenset(("bf16", "f16", "f32", "f64"))
_INDICES = frozenset(("i32", "i64", "boolean", "string", "u64", "u32"))
_TITLES = {"nf4": "nf4", "f4e2m1": "mxfp4", "f8e4m3": "fp8-e4m3", "f8e5m2": "fp8-e5m2"}
_WITH = "nncf/weight_compression/"  # of rt_info: with what settings weights were compressed
_TOLD = ("mode", "ratio", "awq", "gptq", "scale_estimation", "lora_correction", "backup_mode", "sensitivity_metric")


@dataclass(frozen=True, slots=True)
class Matrix:
    """Stored weights with their scales and zero points."""

    number: int  # of the constant
    core: Constant
    n_bytes: int  # with what lies beside it
    group: int  # weights of one scale; -1: a whole row; 0: without scales
    uneven: bool  # with zero points

    @property
    def kind(self) -> str:
        """As a label says it."""
        if self.core.type in _FLOATS:
            return self.core.type
        title = _TITLES.get(self.core.type)
        if title is None:
            title = f"int{openvino_graph.BITS[self.core.type]}-{'asym' if self.uneven else 'sym'}"
        return title + group_word(self.group)


@dataclass(frozen=True, slots=True)
class Told:
    """Of a model: its tensors by names that tell their roles, and how the layers' matrices are held."""

    tensors: tuple[Tensor, ...]
    scheme: Scheme | None


def is_one(names: Collection[str]) -> bool:
    """Whether a folder of these files holds such a model: safetensors beside it are what it was made from, and count."""
    return GRAPH in names and not _has_safetensors(names)


def refuse_parts(names: Collection[str], where: str) -> None:
    """Raises `BadInput` for a model in several graphs, whose language model is one of them."""
    if _OF_IMAGES in names and not _has_safetensors(names):
        what = "holds a model for images in OpenVINO's format, which is not read"
        raise BadInput(what, where=where, fix="take a language model")


def _has_safetensors(names: Collection[str]) -> bool:
    return any(name.endswith(".safetensors") for name in names)


def refuse_code(folder: Path) -> None:
    """Raises `BadInput` for files that could run code. Python beside the graph is read by nobody: the engine has none."""
    safetensors.refuse_code(folder, to_run=False, weights=BINARIES)


def check_folder(folder: Path) -> list[Path]:
    """Graph, weights and, where they are there, OpenVINO's tokenizers. Raises `BadInput` as `refuse_code` does, and where one of
    the first two is missing.
    """
    refuse_code(folder)
    for name in (GRAPH, WEIGHTS):
        plain_file.need_file(folder / name)
    return [folder / name for name in (WEIGHTS, GRAPH, *TOKENIZERS, *DESCRIBED) if (folder / name).exists()]


def read(graph: Path, room: int, head_length: int) -> Told:
    """Of a graph whose file of weights has `room` bytes. Raises `BadInput`."""
    text = read_limited(graph, openvino_graph.MAX_XML, "the graph")
    return told(openvino_graph.parse(text, room, str(graph)), head_length)


def told(graph: Graph, head_length: int) -> Told:
    """The matrices by their roles, and vectors of `head_length` at least: shorter ones are the model's no parameters."""
    read_by = {number: _matrix(graph, layer.inputs) for number, layer in graph.of_kind("MatMul")}
    body = {matrix.number: matrix for matrix in read_by.values() if matrix is not None}
    found = [_matrix(graph, {0: layer.inputs.get(0, -1)}) for _, layer in graph.of_kind("Gather")]
    embeddings = {matrix.number: matrix for matrix in found if matrix is not None}
    last = _last(graph, {number for number, matrix in read_by.items() if matrix is not None})
    head = body.pop(matrix.number, None) if last is not None and (matrix := read_by[last]) is not None else None
    for number in embeddings:
        body.pop(number, None)
    tensors = [_tensor(f"model.layers.0.matmul_{n}.weight", one) for n, one in enumerate(body.values())]
    if head is not None and head.number not in embeddings:
        tensors.append(_tensor("lm_head.weight", head))
    # Several tables are something else than one of words: then nobody knows.
    name = "model.embed_tokens.weight" if len(embeddings) == 1 else "lookup.weight"
    tensors += [_tensor(name, one) for one in embeddings.values()]
    held = {*body, *embeddings} | ({head.number} if head is not None else set())
    tensors += _rest(graph, {*held, *_beside(graph, held)}, head_length)
    if head is None or graph.nested:
        tensors.append(Tensor("untold.weight", (2, 2), "unknown", 0, 0, None))
    return Told(tuple(tensors), _scheme(graph, list(body.values()), [*embeddings.values()], head))


def _matrix(graph: Graph, inputs: Mapping[int, int]) -> Matrix | None:
    """The weights that an operation reads; None where it reads none."""
    for number in inputs.values():
        parts = graph.constants(number)
        if not parts:
            continue
        constants = {one: graph.layers[one].constant for one in parts}
        held = {one: c for one, c in constants.items() if c is not None and c.type not in _INDICES}
        if not held:
            continue
        core = max(held, key=lambda one: held[one].elements)
        if sum(size > 1 for size in held[core].shape) < 2:
            continue
        beside = [c for one, c in held.items() if one != core and c.elements > 1]
        size = sum(c.n_bytes for c in held.values())
        uneven = any(c.type == held[core].type for c in beside)
        return Matrix(core, held[core], size, _group(held[core], beside), uneven)
    return None


def _group(core: Constant, beside: Sequence[Constant]) -> int:
    """How many weights have one scale: where a scale has one element and the core several."""
    scales = [one for one in beside if len(one.shape) == len(core.shape)]
    if not scales:
        return -1 if beside else 0
    shared = [size for size, own in zip(core.shape, scales[0].shape, strict=True) if own == 1 and size > 1]
    return shared[0] if len(core.shape) > 2 and len(shared) == 1 else -1


def _last(graph: Graph, matrices: set[int]) -> int | None:
    """The one MatMul with weights on every way to the results; None where it is not one."""
    waiting, seen, found = [number for number, _ in graph.of_kind("Result")], set[int](), set[int]()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        layer = graph.layers[one]
        if one in matrices:
            found.add(one)
        elif layer.kind in _AFTER_HEAD:
            waiting += layer.inputs.values()
        elif layer.constant is None:
            return None
    return found.pop() if len(found) == 1 else None


def _beside(graph: Graph, held: set[int]) -> Iterator[int]:
    """Scales and zero points, which are no parameters."""
    for number, layer in graph.layers.items():
        if layer.kind in ("Convert", "Multiply", "Reshape", "Subtract"):
            parts = graph.constants(number) or ()
            if not held.isdisjoint(parts):
                yield from parts


def _rest(graph: Graph, held: set[int], head_length: int) -> Iterator[Tensor]:
    """Norms and biases; a matrix that no MatMul reads may be anything."""
    for number, layer in graph.of_kind("Const"):
        one = layer.constant
        if one is None or number in held or one.type not in _FLOATS or one.elements < max(head_length, 2):
            continue
        wide = sum(size > 1 for size in one.shape) > 1
        name = f"untold_{number}.weight" if wide else f"model.layers.0.vector_{number}.weight"
        shape = one.shape if wide else (one.elements,)
        yield Tensor(name, shape, one.type.upper(), one.n_bytes, 0, None if wide else one.elements)


def _tensor(name: str, matrix: Matrix) -> Tensor:
    core = matrix.core
    return Tensor(name, core.shape, core.type.upper(), matrix.n_bytes, 0, core.elements)


def _scheme(graph: Graph, body: Sequence[Matrix], embeddings: Sequence[Matrix], head: Matrix | None) -> Scheme | None:
    """How most of the layers' weights are held; None where all of them are floats."""
    weight: Counter[str] = Counter()
    for one in body:
        weight[one.kind] += one.core.elements
    if not weight or all(one.core.type in _FLOATS for one in body):
        return None
    most = weight.most_common(1)[0][0]
    first = next(one for one in body if one.kind == most)
    said = {name: re.sub(r"[^A-Za-z0-9_.-]", "", graph.facts.get(_WITH + name, ""))[:40] for name in _TOLD}
    details: dict[str, Scalar] = {name: value for name, value in said.items() if value not in ("", "False")}
    if len(weight) > 1:
        details["layers"] = ", ".join(sorted(weight))[:200]
    for name, some in (("embedding", embeddings), ("head", [head] if head is not None else [])):
        kinds = sorted({one.kind for one in some} - {most})
        if kinds:
            details[name] = ", ".join(kinds)[:200]
    label = f"OpenVINO-{most}" + ("-mixed" if len(weight) > 1 else "")
    bits = openvino_graph.BITS[first.core.type]
    return Scheme("openvino", label, bits, max(first.group, 0), len(weight) > 1, details)
