"""Workload clusters: their Nodes, and who they belong to."""
