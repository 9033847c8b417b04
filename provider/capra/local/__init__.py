"""The store over files: manifests, key files and a state directory, for use without a cluster."""
