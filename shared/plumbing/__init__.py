"""The plumbing of all services: how a batch is taken, carried through one transaction, logged and published."""
