"""What a driver or an engine calls a device, without what says nothing: the key by which the device table knows it. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# Words that name the vendor or say nothing. "laptop", "ti", "super", "quadro" and the like stay: they name another part.
_VENDORS = {
    "nvidia": "NVIDIA", "geforce": "NVIDIA", "tesla": "NVIDIA", "amd": "AMD", "radeon": "AMD", "instinct": "AMD",
    "intel": "Intel", "qualcomm": "Qualcomm", "arm": "Arm",
}  # fmt: skip
_EMPTY = {"corporation", "graphics", "gpu", "mesa"}
_SIGN = re.compile(r"[™®©℠]")
_WORD = re.compile(r"(?:[^\W_]|\+)+")  # of any script: "RTX 4090 笔记本" is no desktop's card
_MARK = re.compile(r"\((?:tm|r|c)\)|(?<=gh200) (?:480|120)gb")  # a GH200 is named for its processor's memory
# "(RADV NAVI31)", "(NVK AD102)", "(TGL GT2)", "(G13G B1)": the driver, or the chip that the name before it has said already;
# "(dGPU)", "(iGPU)": OpenVINO's word for the kind.
_NOTE = re.compile(
    r"\((?:[di]gpu|(?:radv|nvk|radeonsi|amd|nvidia|intel|opencl|navi|polaris|vega|gfx|dg2|acm|bmg|skl|kbl|cfl|cml|icl|tgl|rkl|adl|rpl"
    r"|g1\d)[^()]*)\)"
)
# What llama.cpp prints around the name: "Device 0: …, compute capability 8.6", "ggml_vulkan: 0 = … | uma: 0", "GPU name:   …".
_BEFORE = re.compile(
    r"^\s*(?:ggml_\w+:\s*)?(?:(?:device|gpu|cuda|rocm|hip|vulkan|sycl|opencl|metal|mtl)?\s*\d+\s*[:=]|(?:gpu name|device):)\s*"
)
_AFTER = re.compile(r"(?:,\s*compute capability|,\s*gfx\d|,\s*vmm:|\s\|\s*(?:uma|fp16):).*$", re.DOTALL)
_CORES = re.compile(
    r"(\d+)(?:[- ]core gpu| gpu cores)(?![a-z])"
)  # of Apple's chips, whose narrower ones have a narrower memory
# AMD's chip, where "AMD Radeon Graphics" says nothing: some chips are one part's, or of parts with one memory.
_CHIP = re.compile(r"(?<![a-z0-9])gfx(?:9[0-9a-f]{2}|\d{4})(?![0-9a-z])")
_MEMORY = re.compile(r"(?<![a-z0-9.])(\d{1,4}) ?gi?b(?![a-z0-9])")


@dataclass(frozen=True, slots=True)
class Name:
    """A name as the table compares it."""

    key: str
    vendors: frozenset[str]  # that it names
    sizes_gib: tuple[float, ...]  # of memory, that stand in it


def read_name(name: str) -> Name:
    """A name without marks, vendors and a driver's notes. Every other word tells parts apart."""
    said = unicodedata.normalize("NFKC", _SIGN.sub(" ", name)).casefold()
    text = _AFTER.sub("", _BEFORE.sub("", said))
    text = _CORES.sub(r" \1 core ", _NOTE.sub(" ", _MARK.sub(" ", text)))
    sizes = tuple(float(size) for size in _MEMORY.findall(text))
    words = _WORD.findall(_MEMORY.sub(" ", text))
    vendors = frozenset(_VENDORS[word] for word in words if word in _VENDORS)
    key = "".join(word for word in words if word not in _VENDORS and word not in _EMPTY)
    chip = None if key else _CHIP.search(said)
    return Name(chip[0] if chip else key, vendors, sizes)


def without_size(name: str) -> str:
    """A name without the memory that stands in it: "RTX 4090 48GB" → "RTX 4090"."""
    return " ".join(re.sub(_MEMORY.pattern, " ", name, flags=re.IGNORECASE).split())
