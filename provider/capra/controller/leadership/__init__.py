"""Which of several replicas works."""
