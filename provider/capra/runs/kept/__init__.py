"""What runs have said, redacted, for reading afterwards."""
