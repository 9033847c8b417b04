"""Reads the files that people name: manifests, keys, and the files of options."""
