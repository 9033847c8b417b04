"""Usual remedies for failures, in words. Pure."""
