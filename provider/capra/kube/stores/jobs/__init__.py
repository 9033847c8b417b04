"""Jobs that reach hosts, made and waited for."""
