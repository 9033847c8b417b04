"""What is reported of a machine: conditions, events, whose host it is. Pure."""
