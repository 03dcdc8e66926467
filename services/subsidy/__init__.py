"""Budgets, awards and the ledger: who gets how much, from what, and why."""
