"""OpenSSH's programs, within bounds, and its configuration."""
