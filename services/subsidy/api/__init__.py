"""Lets people and programs ask by HTTP what was decided about money, and why."""
