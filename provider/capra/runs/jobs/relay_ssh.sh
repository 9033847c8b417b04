#!/bin/sh
# Called by Ansible instead of ssh: see relay_ssh.py, which needs the Python that runs Capra, and nothing of it.
exec "${CAPRA_PYTHON:?}" -I -S "${0%.sh}.py" "$@"
