"""llama-server beside an installed llama.cpp, on its very libraries: what it serves with is the machine code that we measure
in process. Only its own sources are compiled, from the locked sdist.

Like the libraries it is built without the part for images and sound (`libmtmd`): what it would call of that ends it with a line.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from harness.errors import RunFailed
from harness.progress import Progress
from harness.run.prepare import lock_file, steps
from harness.run.prepare.environments import Place

_WANTED = re.compile(r"[^/]+/vendor/llama\.cpp/(?:tools/(?:server|mtmd)|common|vendor)/.*")
_ABSENT = re.compile(r"\bU (_?mtmd_\w+|_Z\w*mtmd\w*)$", re.MULTILINE)
# No page for browsers is built in.
_UI_H = """#pragma once
#include <array>
#include <string>
struct llama_ui_asset { std::string name; const unsigned char * data; std::size_t size; std::string etag; std::string type; };
inline const llama_ui_asset * llama_ui_find_asset(const std::string &) { return nullptr; }
inline bool llama_ui_use_gzip() { return false; }
inline const std::array<llama_ui_asset, 0> & llama_ui_get_assets() {
    static const std::array<llama_ui_asset, 0> none{};
    return none;
}
"""
# What the server asks of libmtmd even where no image model is given.
_ASKED = """#include "mtmd-helper.h"
mtmd_helper_init_opt mtmd_helper_init_opt_default(void) { return {}; }
mtmd_context_params mtmd_context_params_default(void) { return {}; }
void mtmd_helper_log_set(ggml_log_callback, void *) {}
"""
_LEFT_OUT = """#include <stdio.h>
#include <stdlib.h>
static void left_out(const char * name) { fprintf(stderr, "error: built without images and sound: %s\\n", name); abort(); }
"""


def build(where: Place, log: Path, progress: Progress) -> None:
    """Compile it into the environment. Raises `RunFailed` with the first error."""
    scratch = where.home.parent / "making" / f"{where.home.name}-{where.recipe.program}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        made = _linked(where, scratch, _compiled(where, _sources(where, scratch, log, progress), log, progress), log)
        os.replace(made, where.program)
    except steps.StepFailed as error:
        raise RunFailed(
            f"building {where.recipe.program} failed: {error.said}",
            where="install",
            fix=f"give one of your own with -o binary=PATH, or see the whole log: {log}",
            code="build failed",
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _packages(where: Place) -> Path:
    return next(where.folder.glob("lib/python3*/site-packages"))


def _sources(where: Place, scratch: Path, log: Path, progress: Progress) -> Path:
    """llama.cpp's source, as the lock names it, without what is not needed."""
    progress.advance(f"downloading {where.recipe.built}", 0, 0)
    (scratch / "built.txt").write_text(dict(lock_file.blocks(where.lock_text))[where.recipe.built])
    steps.run(_download(where, scratch), log, {}, None)
    with tarfile.open(next(scratch.glob("*.tar.gz"))) as archive:
        archive.extractall(scratch, [one for one in archive if _WANTED.fullmatch(one.name)], filter="data")
    return next(scratch.glob("*/vendor/llama.cpp"))


def _download(where: Place, scratch: Path) -> list[str]:
    """Its source alone comes as such: with every package as its source, the tools that pip asks it with are compiled, too."""
    command = [str(where.python), "-m", "pip", "download", "--no-deps", "--require-hashes"]
    return [*command, "--no-binary", where.recipe.built, "-d", str(scratch), "-r", str(scratch / "built.txt")]


def _compiled(where: Place, source: Path, log: Path, progress: Progress) -> list[Path]:
    """The object files of the server's own sources, as many at once as there are processors."""
    library = next(_packages(where).glob("lib/libllama-common.*"), None)
    if library is None:
        raise RunFailed(
            f"this release of {where.recipe.built} installs no libllama-common, which the server needs",
            where=str(where.asked),
            fix="take the pinned release, or give a llama-server of your own: -o binary=PATH",
            code="build failed",
        )
    server = source / "tools" / "server"
    (server / "ui.h").write_text(_UI_H)
    (server / "asked.cpp").write_text(_ASKED)
    folders = (
        server,
        source / "tools" / "mtmd",
        source / "common",
        source / "vendor",
        source,
        _packages(where) / "include",
    )
    flags = ["-O2", "-DNDEBUG", "-std=c++17", "-pthread", "-w", *(f"-I{folder}" for folder in folders)]
    if b"_ZN7httplib9SSLClient" in library.read_bytes():
        flags.append("-DCPPHTTPLIB_OPENSSL_SUPPORT")  # decides how its classes are laid out
    files = sorted(server.glob("*.cpp"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    one = f"{shlex.join(['c++', *flags])} -c {{}}.cpp -o {{}}.o"
    begun = 0

    def note(line: str) -> None:
        nonlocal begun
        if line.startswith("c++ "):
            progress.advance(f"building {where.recipe.program}", begun, len(files))
            begun += 1

    script = f"printf '%s\\n' \"$@\" | xargs -t -P {cores} -I{{}} {one}"
    steps.run(["sh", "-c", script, "sh", *(str(file.with_suffix("")) for file in files)], log, {}, note)
    return [file.with_suffix(".o") for file in files]


def _linked(where: Place, scratch: Path, objects: Sequence[Path], log: Path) -> Path:
    """The program, with a stand-in for each function of `libmtmd`: weak, so that a real one goes before it."""
    command = ["nm", "-u", *map(str, objects)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    absent = sorted(set(_ABSENT.findall(listed)))
    stand_in = scratch / "left_out.c"
    lines = [
        f'__attribute__((weak)) void f{number}(void) __asm__("{name}"); void f{number}(void) {{ left_out("{name}"); }}'
        for number, name in enumerate(absent)
    ]
    stand_in.write_text(_LEFT_OUT + "\n".join(lines) + "\n")
    steps.run(["cc", "-c", str(stand_in), "-o", str(stand_in.with_suffix(".o"))], log, {}, None)
    packages, made = _packages(where), scratch / where.recipe.program
    inner = packages.relative_to(where.folder)
    origin = "@loader_path" if sys.platform == "darwin" else "$ORIGIN"
    # The libraries that the worker loads come first; `common`, which it does not need, lies beside a copy of them.
    paths = [f"-Wl,-rpath,{origin}/../{inner / folder}" for folder in ("llama_cpp/lib", "lib")]
    command = ["c++", "-pthread", "-o", str(made), *map(str, objects), str(stand_in.with_suffix(".o"))]
    command += [f"-L{packages / 'lib'}", "-lllama-common", "-lllama", "-lggml", "-lggml-base", *paths]
    steps.run(command, log, {}, None)
    return made
