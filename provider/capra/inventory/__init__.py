"""Inventories of Ansible and of k0sctl, from machines and pool entries and to them. Pure."""
