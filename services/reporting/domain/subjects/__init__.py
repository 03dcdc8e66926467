"""What is counted, by subject: how each type of fact is added up, and what is kept of it."""
