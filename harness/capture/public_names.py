"""Words of public products, systems and models, and the fields of a record that hold such names.

A user called `glibc` is not named by "glibc 2.36". The word passes in these fields only: anywhere else it is an identifier.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_SYSTEMS = """
aarch64 almalinux alpine amazon amd64 android apple archlinux arm64 armv7l armv8 azure bookworm bullseye centos chrome
chromeos clang cloud container cpython cuda cudnn darwin debian deepin docker elementary endeavouros fedora firecracker
freebsd garuda generic gentoo glibc gnulinux google hardened hyperv kernel kubernetes kvmclock libc libstdc linux lxd
macos manjaro microsoft mint minix musl netbsd nixos noble openbsd opensuse openvz oracle parallels pengutronix podman
popos proxmox pypy python qemu raspberry raspberrypi raspbian realtime redhat riscv64 rocky rolling server sequoia sonoma
slackware solus stable standard steamos suse tahoe trixie tumbleweed ubuntu unraid ventura virtualbox vmware void
windows workstation x86_64 xanmod zorin
"""
_HARDWARE = """
adreno ampere amperes ascend athlon atom authenticamd avx512 blackwell broadcom celeron core cortex dragon efficiency
epyc fiji fire geforce genoa genuineintel graphics graviton hopper hygon icelake instinct intel iris jetson kunpeng
lovelace lunar macbook macmini mali maxwell meteor milan mobile naples nano navi neoverse nvidia opteron orin pascal pentium
performance phenom phytium powervr processor quadro qualcomm radeon raptor renoir rome rtx3060 rtx3070 rtx3080 rtx3090 rtx4060
rtx4070 rtx4080 rtx4090 rtx5070 rtx5080 rtx5090 ryzen sapphire skylake snapdragon spark strix studio tegra tesla
threadripper titan turin turing ultra vega volta xavier xeon zhaoxin
"""
_SOFTWARE = """
accelerate awq bitsandbytes blas compressed conda cublas diskcache exllama exllamav2 flash flashattention flashinfer
gguf ggml gptq hexagon huggingface hugging inductor jinja2 kompute koboldcpp linear llamacpp llamafile lmstudio localai
localscore markupsafe metal mlcllm mlx ninja numba numpy ollama onednn onnx openai openblas openmp opencl openvino
pandas pillow pip psutil pyarrow pydantic pytorch rocblas rocm safetensors scikit scipy sentencepiece setuptools sglang
static sycl tabby tensorflow tensorrt tokenizers torch torchvision transformers triton typing vision vllm vulkan wheel
xformers
"""
_MODELS = """
airoboros alpaca aquila arctic aya baichuan bert bloom bonsai camel capybara chameleon chat chatglm claude codellama
codegemma codeqwen codestral cohere command coder coding dbrx deepseek devstral distill dolphin embed ernie exaone falcon
flan gemma gemma2 gemma3 gemma4 gigachat glm gopher gpt2 gptneox gptoss granite grok hermes hunyuan instruct internlm jais
jamba janus kimi lamda large llama llama2 llama3 llama4 llava magistral mamba marco maverick medium meditron megatron
minicpm minimax ministral mistral mixtral molmo moonshot moshi nemotron neox nomic nous olmo olmoe openchat openhermes
openorca orca palmyra persimmon phi2 phi3 phi4 phixtral pixtral plamo preview pythia qwen qwen2 qwen3 qwq reasoner
reasoning rwkv salamandra samba scout seed small smollm smollm2 smollm3 smaug solar stable stablelm starchat starcoder
starcoder2 starling stheno thinking tiny tinyllama tulu turbo vicuna voxtral wizard wizardlm xgen xwin yarn zephyr zamba
"""
_WORDS = frozenset(" ".join((_SYSTEMS, _HARDWARE, _SOFTWARE, _MODELS)).split())

# What the machine, the engine and the model are called. Names that the operator chose freely are elsewhere.
_NAMES = re.compile(
    r"environment\b|model\b|derived\b|run\.(?:command|load_)|tokenization\.template"
    r"|runtime\.(?:name|engine|version|package|commit|build|settings|devices|packages|python|clock|model|environment)\b"
    r"|runtime\.options\.(?:served_model|engine|quantization)\b"
)
# Words of vendors and of the kernel alone: no operator writes there.
_PARTS = re.compile(
    r"environment\.(?:cpu|memory)\b|environment\.gpu\.\S*name\b|runtime\.devices\[\d+\]\.(?:name|kind|description)"
    r"|environment\.host\.(?:clock_source|virtualisation|os_family)\b"
)
_OWN_TEXT = re.compile(
    r"\S*(?:\.reason|\.formula|\.clock)$|(?:checks|findings)\[\d+\]\.text$|run\.stop_detail$|derived\.\w*source$"
    r"|model\.(?:licence|family|variant)$"
)
_NAMED_BY_OTHERS = re.compile(
    r"\S*(?:packages|files|variables|options|settings|build)\.\S+"
)  # keys that are not our fields
_VERSIONS = re.compile(r"(?:runtime|environment\.software)\.packages\b|\S*version$|runtime\.package$|\S*\.driver\b")
_ADDRESS_LIKE = re.compile(r"\d+(?:\.\d+){3}")
_CHOSEN = "operator.handle"  # the pseudonym that the operator publishes on purpose


def passes(identifier: str, place: str, *, key: bool = False) -> bool:
    """Whether `identifier`, found in the field `place` (or, with `key`, in its name), names nobody there."""
    if place == _CHOSEN:
        return True
    if _ADDRESS_LIKE.fullmatch(identifier):
        return _VERSIONS.match(place) is not None  # 10.3.9.90 is a version of a library of CUDA's, too
    if _PARTS.match(place) and identifier.isalpha():
        return True
    ours = _NAMED_BY_OTHERS.match(place) is None if key else _OWN_TEXT.match(place) is not None
    if ours and all(word in own_words() for word in re.split(r"[-_. ]", identifier)):
        return True
    return _NAMES.match(place) is not None and is_public(identifier)


def is_public(identifier: str) -> bool:
    """Whether every part of it is a word of public names, or a number."""
    parts = [part for part in re.split(r"[-_. ]+", identifier) if part]
    if identifier in _WORDS | locked_names():
        return True
    return bool(parts) and all(part in _WORDS or part.isdigit() for part in parts) and not all(map(str.isdigit, parts))


@cache
def locked_names() -> frozenset[str]:
    """The distributions that our locks name, and their words."""
    folder = Path(__file__).parents[2] / "runtimes" / "locks"
    text = " ".join(path.read_text() for path in sorted(folder.glob("*.txt")))
    found = re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", text, re.MULTILINE)
    return frozenset(name.lower() for one in found for name in (one, one.replace("-", "_"), *re.split(r"[-_.]", one)))


@cache
def own_words() -> frozenset[str]:
    """The words of this program's own fields and sentences: its reasons, checks and findings are made of them."""
    root = Path(__file__).parents[2]
    places = (
        "harness/capture/*.py",
        "harness/measure/*.py",
        "harness/run/*.py",
        "runtimes/*.py",
        "configs/models/*.toml",
    )
    texts = (path.read_text() for pattern in places for path in sorted(root.glob(pattern)))
    return frozenset(word for text in texts for word in re.findall(r"[a-z]+", text.lower()))
