"""What to do next, and what came of it. All of it is pure but `Engine`, which acts through ports."""
