"""Work that callers leave for later: queued in the store, done by workers, told when it ended."""
