"""What a registry's receipt says of a record, in a line."""

from __future__ import annotations

from pathlib import Path

from harness import units
from harness.record.store import Stored


def proof(target: str | None, record: str) -> bytes:
    """A receipt's file of a record, named by its folder or the beginning of its id. Raises `BadInput`."""
    from harness.record.store import read
    from harness.registry.queries.receipts import of_record
    from harness.registry.remote import receipts
    from harness.registry.remote.registry import Remote
    from harness.terminal.registry_option import open_for_reading

    prefix = read(Path(record)).id if Path(record).exists() else record.lower()
    registry = open_for_reading(target)
    if isinstance(registry, Remote):
        return registry.proof(prefix)
    with registry.reading() as reader:
        answer = receipts.answered(*of_record(reader, prefix))
    receipts.held(answer, "the registry")
    return receipts.text(answer)


def checked_receipt(receipt: Path, stored: Stored) -> str:
    """Of a receipt that holds, and is of this record. Raises `BadInput`, `RecordInvalid`."""
    from harness.extras import needs

    needs("registry", "--receipt")
    from harness.registry.remote import receipts

    path = stored.path.parent / receipt if not receipt.is_file() and receipt.parent == Path() else receipt
    found = receipts.read(path)
    receipts.of_record(found, stored.id, stored.envelope() or b"", str(path))
    return (
        f"entry {found.entry.index} of {found.registry}, taken {found.entry.at}, "
        f"in its log of {units.count(found.tree.size, 'entry', 'entries')} that the key in the receipt signed"
    )
