"""Makes a runtime's own format of a GGUF, once, in the cache: bf16 safetensors, said to be what they are."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from harness.capture.memory import read_memory, usable_bytes
from harness.capture.source import this_machine
from harness.catalog import gguf, model_folder
from harness.catalog.identity import Identity
from harness.errors import BadInput, Interrupted, NotEnoughSpace
from harness.files import let_all_read, locked, need_room, sync, write_text
from harness.model_json import PREPARED
from harness.progress import Progress
from harness.run.execute.launcher import Deadlines, Interpreter, run_worker
from harness.worker.frames import Frame
from harness.worker.plan import Plan
from runtimes.support.hf_folder import VERSIONS

DTYPE = "bf16"
FOUR = 4  # bytes of a parameter while it is converted, beside the two that are kept


def place(cache: Path, identity: Identity) -> Path:
    """Where the conversion of this file lies, or will."""
    return cache / "prepared" / identity.sha256[:16] / f"{identity.name}-{DTYPE}"


def refuse_shards(identity: Identity) -> None:
    """Raises `BadInput` for a GGUF in several files: the library that converts reads one."""
    if identity.format == "gguf" and len(identity.files) > 1:
        fix = "join them with llama-gguf-split --merge, or take the runtime llama.cpp"
        raise BadInput(f"is in {len(identity.files)} shards, and one file is converted", where=identity.file, fix=fix)


def there(cache: Path, identity: Identity) -> bool:
    """Whether the conversion was made before."""
    return (place(cache, identity) / PREPARED).exists()


def prepare(
    runtime: str, identity: Identity, source: Path, interpreter: Interpreter, cache: Path, progress: Progress
) -> Path:
    """The folder, made if it is not there. Raises `NotEnoughSpace`, `BadInput` or `RunFailed` with the way out."""
    target = place(cache, identity)
    if there(cache, identity):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / "prepare.lock", f"another conversion of {identity.name} is running"):
        if there(cache, identity):
            return target
        need_room(target.parent, 2 * (identity.parameters or 0) + (128 << 20))
        _need_memory(identity)
        progress.stage(f"converting {identity.name} to {DTYPE} safetensors; once, a minute or more")
        # A conversion that was cut off leaves nothing that another could take for whole.
        for left in target.parent.glob("scratch-*"):
            shutil.rmtree(left, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=target.parent))
        try:
            _convert(runtime, source, scratch, interpreter, progress)
            _sign(scratch, identity, source)
            for path in scratch.iterdir():
                sync(path)
            model_folder.header(scratch)  # refused now, were it not what it should be; before anybody finds it
            let_all_read(scratch)
            shutil.rmtree(target, ignore_errors=True)
            scratch.rename(target)
            sync(target.parent)
        except KeyboardInterrupt:
            raise Interrupted(
                f"stopped while converting {identity.name}; the file itself is kept, and nothing half converted",
                fix="the same command converts it again",
            ) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _need_memory(identity: Identity) -> None:
    free, needed = usable_bytes(read_memory(this_machine())), (2 + FOUR) * (identity.parameters or 0)
    if free < needed:
        raise NotEnoughSpace(
            f"converting it needs about {needed >> 20} MiB of memory and {free >> 20} MiB are free",
            where=identity.file,
            fix="close other programs, or take a model that is in safetensors already",
        )


def _convert(runtime: str, source: Path, scratch: Path, interpreter: Interpreter, progress: Progress) -> None:
    def on_frame(frame: Frame) -> None:
        if frame.kind == "progress":
            progress.advance(str(frame.header["text"]), int(frame.header["done"]), int(frame.header["total"]))

    plan = Plan(runtime, str(source), "gguf", {}, convert_to=str(scratch))
    ended = run_worker(interpreter, plan, Deadlines(), on_frame)
    if ended.error is not None:
        raise ended.error


def _sign(folder: Path, identity: Identity, source: Path) -> None:
    """Says what the folder was made from; a folder without this file is not whole."""
    header = gguf.read(source)
    versions = folder / VERSIONS
    made_by = json.loads(versions.read_text())
    versions.unlink()
    add_bos = header.metadata.get("tokenizer.ggml.add_bos_token")
    facts = {
        "name": f"{identity.name}-{DTYPE}",
        "source": identity.reference,
        "source_sha256": identity.sha256,
        "quantisation": identity.quantisation,
        "made_by": made_by,
        # llama.cpp's rule for sentencepiece vocabularies where the file is silent
        "add_bos": add_bos
        if isinstance(add_bos, bool)
        else header.text("tokenizer.ggml.model") in ("llama", "gemma4", None),
    }
    write_text(folder / PREPARED, json.dumps(facts, indent=1))
