"""Capra: a Cluster API infrastructure provider for machines that already exist."""

__version__ = "0.1.0"
