"""What else a cluster of such machines needs: its RemoteCluster, and provider IDs of its Nodes. Pure."""
