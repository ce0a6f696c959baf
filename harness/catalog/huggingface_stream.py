"""One file of Hugging Face into a part beside its final name; the library's own download deletes its part on every failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.catalog.references import HuggingFaceReference
from harness.files import sync_descriptor

TIMEOUT_S = 30.0


class TooLong(Exception):
    """More bytes came than were stated."""


def read_piece(reference: HuggingFaceReference, begin: int, count: int, token: str | None) -> bytes:
    """So many bytes from `begin` on, without the rest of the file; fewer at its end. Raises what the library raises."""
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    url = hf_hub_url(reference.repo, reference.file, revision=reference.revision)
    headers = {**build_hf_headers(token=token or False), "Accept-Encoding": "identity"}
    headers["Range"] = f"bytes={begin}-{begin + count - 1}"
    data = bytearray()
    with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT_S) as response:
        hf_raise_for_status(response)
        skip = 0 if response.status_code == 206 else begin  # a server without ranges sends the file from its start
        for block in response.iter_bytes(1 << 16):
            data += block
            if len(data) >= skip + count:
                break
    return bytes(data[skip : skip + count])


def stream(
    reference: HuggingFaceReference, part: Path, size: int, token: str | None, advance: Callable[[int], None]
) -> None:
    """Append what is missing. `advance` is told the bytes done. Raises `TooLong`, and what the library raises."""
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    url = hf_hub_url(reference.repo, reference.file, revision=reference.revision)
    done = part.stat().st_size if part.exists() else 0
    if done > size:
        part.unlink()
        done = 0
    if done == size and part.exists():
        return
    headers = {**build_hf_headers(token=token or False), "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT_S) as response:
        hf_raise_for_status(response)
        if response.status_code != 206:
            done = 0  # Hugging Face knows no ranges: from the start
        with part.open("ab" if done else "wb") as out:
            for block in response.iter_bytes(1 << 20):
                done += len(block)
                if done > size:
                    out.close()
                    part.unlink()
                    raise TooLong(f"more than the {size} bytes came that it states")
                out.write(block)
                advance(done)
            out.flush()
            sync_descriptor(out.fileno())
    if done < size:
        raise ConnectionError(f"ended after {done} of {size} bytes")
