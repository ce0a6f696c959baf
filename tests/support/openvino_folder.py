"""Small models in OpenVINO's format, written by hand: a table of words, layers of matrices, a head."""

from __future__ import annotations

import json
from pathlib import Path
from xml.sax.saxutils import quoteattr

from harness.catalog.openvino_graph import BITS

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 96,
    "max_position_embeddings": 2048,
}


class Graph:
    """Layers and edges as they are added; `data` grows by each constant."""

    def __init__(self) -> None:
        self.layers: list[str] = []
        self.edges: list[str] = []
        self.data = bytearray()
        self.facts = ""

    def add(self, kind: str, *inputs: int, data: str = "", name: str = "") -> int:
        number = len(self.layers)
        self.layers.append(
            f'<layer id="{number}" name={quoteattr(name or f"{kind}_{number}")} type="{kind}">{data}</layer>'
        )
        for port, source in enumerate(inputs):
            self.edges.append(f'<edge from-layer="{source}" from-port="0" to-layer="{number}" to-port="{port}"/>')
        return number

    def constant(self, kind: str, *shape: int) -> int:
        count = 1
        for size in shape:
            count *= size
        size = -(-count * BITS[kind] // 8)
        text = ",".join(map(str, shape))
        found = self.add(
            "Const", data=f'<data element_type="{kind}" shape="{text}" offset="{len(self.data)}" size="{size}"/>'
        )
        self.data += bytes(size)
        return found

    def weight(self, kind: str, outputs: int, inputs: int, group: int = 0, *, zero_point: bool = True) -> int:
        """A matrix ready to be read: unpacked by scale and zero point, of each group of inputs or of each row."""
        if not group:
            core = self.constant(kind, outputs, inputs)
            return self.add("Convert", core)
        shape = (outputs, inputs // group, group) if group > 0 else (outputs, inputs)
        scales = (*shape[:-1], 1)
        value = self.add("Convert", self.constant(kind, *shape))
        if zero_point:
            value = self.add("Subtract", value, self.add("Convert", self.constant(kind, *scales)))
        value = self.add("Multiply", value, self.constant("f16", *scales))
        return self.add("Reshape", value, self.constant("i64", 2)) if group > 0 else value

    def xml(self) -> bytes:
        layers, edges = "".join(self.layers), "".join(self.edges)
        text = f'<?xml version="1.0"?><net name="m" version="11"><layers>{layers}</layers><edges>{edges}</edges>'
        return f"{text}<rt_info>{self.facts}</rt_info></net>".encode()


def model(
    body: tuple = ("u4", 16), outer: tuple = ("u8", -1), *, tied: bool = True, other: tuple | None = None
) -> Graph:
    """Two layers of two matrices of 64 × 64, norms between them; `other`: how the last of the matrices is held."""
    graph = Graph()
    ids = graph.add("Parameter")
    table = graph.weight(outer[0], 96, 64, *outer[1:])
    here = graph.add("Gather", table, ids, graph.constant("i32", 1))
    for layer in range(4):
        norm = graph.add("Multiply", here, graph.add("Convert", graph.constant("f16", 1, 1, 64)))
        kind, *held = other if other and layer == 3 else body
        here = graph.add("Add", here, graph.add("MatMul", norm, graph.weight(kind, 64, 64, *held)))
    # Frequencies of positions: a vector too short for a norm, which a MatMul reads.
    turned = graph.add("MatMul", graph.constant("f32", 1, 8, 1), ids)
    here = graph.add("Add", here, graph.add("Cos", turned))
    last = table if tied else graph.weight(outer[0], 96, 64, *outer[1:])
    graph.add("Result", graph.add("Convert", graph.add("MatMul", here, last)))
    return graph


def write(folder: Path, graph: Graph, config: dict | None = None) -> Path:
    """The folder, with a configuration and a tokenizer that stands for any."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files(graph, config).items():
        (folder / name).write_bytes(data)
    return folder


def files(graph: Graph, config: dict | None = None) -> dict[str, bytes]:
    return {
        "openvino_model.xml": graph.xml(),
        "openvino_model.bin": bytes(graph.data),
        "openvino_tokenizer.xml": b"<net/>",
        "openvino_tokenizer.bin": b"t",
        "config.json": json.dumps(CONFIG if config is None else config).encode(),
        "tokenizer.json": b"{}",
    }
