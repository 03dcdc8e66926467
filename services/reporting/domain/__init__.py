"""What counts and how: pure functions from facts to rows, deltas and progress."""
