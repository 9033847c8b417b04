#!/bin/sh
# sanity.sh [ARGUMENT ...]: `ansible-test sanity` over the collection as it is built, with the ansible-core of the
# environment and its Python. It downloads linters once, into ~/.ansible/test. Arguments go to ansible-test.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
collection=$work/ansible_collections/capra/machine
python scripts/collection.py --stage "$collection"
cd "$collection"
# ansible-test lists files with git, and reads shebangs and modes.
git init -q . && git add -A
version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ansible-test sanity --python "$version" --color no "$@"
