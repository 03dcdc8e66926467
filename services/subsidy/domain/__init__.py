"""Decides about money: pure code over a book in memory, one fact after another."""
