"""The private directory of a run: made, filled, kept for people, and gone when the run ends."""
