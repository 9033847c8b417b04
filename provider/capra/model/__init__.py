"""What Capra knows of the world, as frozen data. Nothing here reads a file, a cluster or a clock."""
