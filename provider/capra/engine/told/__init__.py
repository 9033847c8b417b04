"""What is told of a machine: conditions, events, whose host it is. Pure."""
