"""Probes in the status of a PooledRemoteMachine. Pure."""
