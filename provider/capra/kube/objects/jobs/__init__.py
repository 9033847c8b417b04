"""Jobs that reach hosts, as the API's objects. Pure."""
