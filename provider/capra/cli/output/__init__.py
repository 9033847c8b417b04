"""What people and scripts read of a command."""
