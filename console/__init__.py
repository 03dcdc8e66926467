"""The `dreams` command: runs, feeds, watches and repairs the system from a terminal."""
