"""Inventories of Ansible, read by Ansible itself."""
