"""A host that was a node before it was a machine's: whether it is the node that it has to be."""
