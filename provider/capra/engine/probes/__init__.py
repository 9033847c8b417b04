"""Probes of hosts that nobody uses: when, what is made of them, and what a host says of itself. Pure."""
