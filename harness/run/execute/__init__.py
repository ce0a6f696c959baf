"""The run itself: workers, the loop over them, the journal."""
