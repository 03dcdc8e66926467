"""Reporting's HTTP: numbers for everybody, cells and facts for those with a token, the live page."""
