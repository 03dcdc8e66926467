"""The four services: one process and one database each, all of the same shape."""
