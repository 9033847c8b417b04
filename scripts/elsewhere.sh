#!/bin/sh
# elsewhere.sh: the same checkout in two other places, below /tmp with a blank in its path and the system's own Python, and
# in a closed directory of the home: an environment of its own by `make venv`, and the tests that depend on where the
# checkout and its Python are.
set -eu
cd "$(dirname "$0")/.."
here=$PWD
temporary=$(mktemp -d "/tmp/capra x y.XXXXXX")
closed=$(mktemp -d "${HOME:?}/.capra elsewhere.XXXXXX")
trap 'rm -rf "$temporary" "$closed"' EXIT
trap 'exit 130' INT TERM HUP
chmod 755 "$temporary"
system=/usr/bin/python3
if ! "$system" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    printf 'NOT TRIED: the system has no Python 3.11 or newer at %s\n' "$system"
    system=python3
fi
for place in "$temporary" "$closed"; do
    if [ "$place" = "$temporary" ]; then python=$system; else python=python3; fi
    printf '\n== %s, %s\n' "$place" "$python"
    mkdir "$place/capra"
    # What is tracked and what is new, as it stands in the working tree.
    git -C "$here" ls-files -z --cached --others --exclude-standard |
        tar -C "$here" --null --files-from=- --ignore-failed-read -c 2>/dev/null | tar -x -C "$place/capra"
    cd "$place/capra"
    # Compiled when used: most of what is installed is not.
    PIP_COMPILE=0 make -s venv PYTHON="$python"
    .venv/bin/pytest -q tests/component/deploy/test_container.py tests/e2e/test_plain_ansible.py -k "not hosts and not finds"
    cd "$here"
done
