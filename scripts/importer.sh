#!/bin/sh
# importer.sh: what Galaxy's importer says of the collection. It has an environment of its own, in the cache, since its
# requirements are not those of Capra's tools.
set -eu
cd "$(dirname "$0")/.."
version=0.4.44
environment=${XDG_CACHE_HOME:-$HOME/.cache}/capra/galaxy-importer-$version
if [ ! -e "$environment/.ready" ]; then
    python3 -m venv "$environment"
    # shellcheck disable=SC2046 # two words
    "$environment/bin/pip" install --quiet --disable-pip-version-check "galaxy-importer==$version" \
        $(grep -E '^ansible-(core|lint)==' constraints.txt)
    touch "$environment/.ready"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
archive=$(python scripts/collection.py --output "$work")
cd "$work"
PATH="$environment/bin:$PATH" python -m galaxy_importer.main "$archive" >log 2>&1 || {
    cat log >&2
    exit 1
}
cat log
# It goes on after what it does not like.
! grep -E '^(WARNING|ERROR)' log
