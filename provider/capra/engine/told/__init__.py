"""What is reported of a machine: conditions, events, who has its host. Pure."""
