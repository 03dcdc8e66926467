"""The provincial side: identity numbers, simulated provinces, their files, and sending."""
