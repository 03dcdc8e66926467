"""What enrollment decides, without any I/O: reading a submission, judging it, the day."""
