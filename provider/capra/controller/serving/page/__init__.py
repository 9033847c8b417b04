"""The page: what a person sees of machines, hosts and pools in a browser. Reads only."""
