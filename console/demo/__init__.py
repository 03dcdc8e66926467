"""The demonstration: a whole system on one machine with simulated provinces, watched and reconciled."""
