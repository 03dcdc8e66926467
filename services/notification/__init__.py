"""Notification: tells workers what was decided about them, once for each cause."""
