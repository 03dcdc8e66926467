"""Runs the whole system on one machine without containers: Kafka, PostgreSQL, the services, a mail sink."""
