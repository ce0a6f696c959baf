"""The formats of weights that are read."""

from typing import Literal

Format = Literal["gguf", "safetensors", "openvino"]
