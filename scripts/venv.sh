#!/bin/sh
# venv.sh PYTHON DIRECTORY: a virtual environment with Capra and its tools in the versions that were tested.
set -eu
python=$1
directory=$2
cd "$(dirname "$0")/.."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "capra: Python 3.11 or newer is needed; $python is $("$python" --version)" >&2
    exit 2
}
if ! "$python" -m venv "$directory" 2>/dev/null; then
    rm -rf "$directory"
    if [ "$(id -u)" != 0 ]; then
        echo "capra: $python cannot make virtual environments: ask root for 'apt-get install python3-venv'" >&2
        exit 2
    fi
    apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv
    "$python" -m venv "$directory"
fi
"$directory/bin/pip" install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,controller]'
