"""What a build for Vulkan needs: glslc, the loader, SPIR-V's headers, and Vulkan's own, new enough for the engine."""

from __future__ import annotations

import re
from pathlib import Path

from harness.run.prepare.toolchains.cuda import Missing
from harness.run.prepare.toolchains.search_path import SearchPath

Headers = tuple[int, int, int]
_COMPLETE = re.compile(
    r"^#define VK_HEADER_VERSION_COMPLETE VK_MAKE_(?:API_)?VERSION\((?:0, )?(\d+), (\d+), ", re.MULTILINE
)
_PATCH = re.compile(r"^#define VK_HEADER_VERSION (\d+)", re.MULTILINE)
_PACKAGES = "Debian: apt-get install glslc libvulkan-dev spirv-headers; or Vulkan's SDK and VULKAN_SDK"


def missing(search: SearchPath, floor: Headers | None) -> Missing | None:
    """What the build lacks, all of it in one line; None where it lacks nothing. `floor`: the oldest headers that it takes."""
    prefixes = search.prefixes("VULKAN_SDK", usual=("/usr/local", "/usr", "/opt/homebrew"))
    absent = []
    glslc = search.flag("Vulkan_GLSLC_EXECUTABLE")
    if not (Path(glslc).exists() if glslc else search.program("glslc") or search.file(prefixes, "bin/glslc")):
        absent.append("glslc")
    named = search.flag("Vulkan_INCLUDE_DIR")
    header = search.file([Path(named)] if named else prefixes, *_headers(bool(named)))
    if header is None:
        absent.append(f"Vulkan's headers{f', {_dotted(floor)} or newer' if floor else ''} (vulkan/vulkan_core.h)")
    if not search.flag("Vulkan_LIBRARY") and search.file(prefixes, *_LOADER) is None:
        absent.append("Vulkan's loader (libvulkan.so)")
    if not search.flag("SPIRV-Headers_DIR") and search.file(prefixes, _SPIRV) is None:
        absent.append("SPIR-V's headers (SPIRV-HeadersConfig.cmake)")
    if absent:
        return Missing(f"missing: {', '.join(absent)}", f"install them ({_PACKAGES})")
    assert header is not None  # noqa: S101 - it would be in `absent`
    return _too_old(header, floor)


_LOADER = ("{lib}/libvulkan.so", "{lib}/libvulkan.dylib", "{lib}/libMoltenVK.dylib")
_SPIRV = "{lib}/cmake/SPIRV-Headers/SPIRV-HeadersConfig.cmake"


def _headers(named: bool) -> tuple[str, ...]:
    return ("vulkan/vulkan_core.h",) if named else ("include/vulkan/vulkan_core.h",)


def _too_old(header: Path, floor: Headers | None) -> Missing | None:
    try:
        found = read_version(header.read_text(errors="replace"))
    except OSError as error:
        return Missing(f"Vulkan's headers can't be read ({error.strerror})", "install them again")
    if found is None:
        return Missing("Vulkan's headers do not say their version", "install Vulkan's headers again")
    if floor is None or found >= floor:
        return None
    return Missing(
        f"Vulkan's headers are {_dotted(found)}, and the engine needs {_dotted(floor)} or newer",
        "unpack newer Vulkan-Headers and name them: CMAKE_ARGS=-DVulkan_INCLUDE_DIR=FOLDER/include, or set VULKAN_SDK",
    )


def read_version(text: str) -> Headers | None:
    """The version of `vulkan_core.h`; None where it does not say one."""
    series, patch = _COMPLETE.search(text), _PATCH.search(text)
    return (int(series[1]), int(series[2]), int(patch[1])) if series and patch else None


def _dotted(version: Headers) -> str:
    return ".".join(map(str, version))
