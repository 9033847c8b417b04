"""What the process serves: probes and metrics."""
