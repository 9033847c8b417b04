"""A k0s cluster of a k0sctl.yaml: its hosts in their order, and what makes each of them a node. Pure."""
