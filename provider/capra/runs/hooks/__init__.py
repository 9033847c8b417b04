"""Runs of the user's own playbooks: what differs from Capra's. Each has a process of its own that has just started."""
