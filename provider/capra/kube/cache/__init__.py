"""What is known of the management cluster, and what follows from it."""
