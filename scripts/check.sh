#!/bin/sh
# check.sh: every quality tool; all run, and the first failure is not the last word.
set -u
cd "$(dirname "$0")/.." || exit
failed=
run() {
    printf '%s\n' "== $*"
    "$@" || failed="$failed $1"
}
host_programs() {
    # The halves of the host's program share files, and are checked together.
    cat plugins/plugin_utils/*.sh | shellcheck -s sh -
}
run ruff check .
run ruff format --check .
run mypy
run lint-imports
run yamllint --strict .
run ansible-lint --offline --strict
run antsibull-changelog lint
run host_programs
# The site: every link, anchor and page. What is told of mkdocs 2 is none of ours.
NO_MKDOCS_2_WARNING=1 run mkdocs build --strict
run python scripts/shell_names.py plugins/plugin_utils/*.sh plugins/plugin_utils/*/*.sh provider/capra/*/*/*.sh provider/capra/*/*/*/*.sh roles/*/files/*.sh
run shellcheck scripts/*.sh plugins/plugin_utils/*/*.sh provider/capra/*/*/*.sh provider/capra/*/*/*/*.sh roles/*/files/*.sh tests/*/*.sh bench/*.sh tests/hosts/k0s .ci/run
[ -z "$failed" ] || { echo "check failed:$failed" >&2; exit 1; }
