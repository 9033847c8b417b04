"""Benchmarks, each with its floor measured in the same run. README.md says how to run and to read them."""
