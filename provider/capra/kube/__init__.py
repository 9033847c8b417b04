"""Everything that talks to the Kubernetes API. The only importer of `kubernetes`."""
