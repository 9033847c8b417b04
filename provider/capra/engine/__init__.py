"""What to do next, and what came of it. Everything but `step` is a pure function."""
