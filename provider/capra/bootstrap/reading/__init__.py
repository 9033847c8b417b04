"""Reading what somebody else has written: text, YAML and values, with bounds, and the place of each mistake. Pure."""
