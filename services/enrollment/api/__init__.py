"""Enrollment's own HTTP: what provinces send, receipts and totals."""
