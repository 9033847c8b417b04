"""What must not be shown of a run's steps. Pure."""
