"""Inventories from files on this machine."""
