"""What usually mends a failure, in words. Pure."""
