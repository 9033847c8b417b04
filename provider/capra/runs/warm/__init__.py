"""Runs that need not start Ansible: a warm parent has imported it, and ansible-runner, and each run is a fork of that
(docs/decisions/0026). `parent` is its program, `play` makes a fork an `ansible-playbook`, `forks` has what all
forks have in common, `launch` starts it, `parents` talks to it.
"""
