#!/bin/sh
# sanity.sh [ARGUMENT ...]: `ansible-test sanity` over the collection as it is built, with the ansible-core of the
# environment, and with the oldest one that is supported, which gets an environment of its own in the cache. Both download
# their linters once, into ~/.ansible/test. Arguments go to ansible-test.
set -eu
cd "$(dirname "$0")/.."
oldest=2.17
newest_python_of_oldest=12
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
collection=$work/ansible_collections/capra/machine
python scripts/collection.py --stage "$collection"
environment=${XDG_CACHE_HOME:-$HOME/.cache}/capra/ansible-core-$oldest
minor=$(python -c 'import sys; print(sys.version_info.minor)')
if [ "$minor" -gt "$newest_python_of_oldest" ]; then
    printf 'NOT RUN with ansible-core %s: it needs Python 3.%s or older\n' "$oldest" "$newest_python_of_oldest"
    environment=
elif [ ! -e "$environment/.ready" ]; then
    python -m venv --clear "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "ansible-core==$oldest.*"
    touch "$environment/.ready"
fi
cd "$collection"
# ansible-test lists files with git, and reads shebangs and modes.
git init -q . && git add -A
for place in '' "${environment:+$environment/bin:}"; do
    PATH=$place$PATH ansible --version | head -n 1
    PATH=$place$PATH ansible-test sanity --python "3.$minor" --color no "$@"
    [ -n "$environment" ] || break
done
