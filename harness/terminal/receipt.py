"""What a registry's receipt says of a record, in a line."""

from __future__ import annotations

from pathlib import Path

from harness.record.store import Stored


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
        f"in its log of {found.tree.size} entries that the key in the receipt signed"
    )
