"""Runs on hosts that a Kubernetes Job reaches: what Ansible would send is recorded, carried to the host by the Job, and
the host's answer is given to Ansible as if it had come over SSH."""
