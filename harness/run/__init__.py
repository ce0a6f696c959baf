"""The parent's side of a run: decide what to run next, start workers, keep the journal, assemble the record."""
