"""The documents of a manifest, and what is wrong with them. Pure."""
