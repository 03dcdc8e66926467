"""What a deployment in containers needs beside its images: secrets, databases, users and topics."""
