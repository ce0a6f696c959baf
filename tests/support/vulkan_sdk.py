"""Vulkan's SDK as far as CMake, and the check before a build, look for it."""

HEADER = (
    "#define VK_HEADER_VERSION {patch}\n"
    "#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION(0, 1, {minor}, VK_HEADER_VERSION)\n"
)


def sdk(folder, minor=3, patch=296, without=()):
    """The folder for VULKAN_SDK, without the files named."""
    files = {
        "include/vulkan/vulkan_core.h": HEADER.format(minor=minor, patch=patch),
        "lib/libvulkan.so": "",
        "share/cmake/SPIRV-Headers/SPIRV-HeadersConfig.cmake": "",
        "bin/glslc": "",
    }
    for name, text in files.items():
        if name.rpartition("/")[2] not in without:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return folder
