"""Shared by all services: the contracts between them and the plumbing that carries them."""
