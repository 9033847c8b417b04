"""One run of one playbook on one host, with ansible-runner: private directory, events, end. The only importer of
ansible_runner."""
