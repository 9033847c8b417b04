"""Which entries of a pool a machine may have, and which machines wait for them, without walking through either."""
