#!/bin/sh
# mutants.sh [FILE...]: the list of mutations by hand, then cosmic-ray over these files (by default those that decide), in a
# copy of the checkout. Survivors are explained in docs/explanation/mutants.md. Sessions stay below out/mutants and go on
# where they were. CAPRA_MUTANTS_SAMPLE=N: so many mutants of each file, always the same.
set -u
cd "$(dirname "$0")/.." || exit
out=$PWD/out/mutants
mkdir -p "$out"
python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt 'cosmic-ray>=8.4' || exit
status=0
if [ $# = 0 ]; then
    nice python scripts/mutants.py || status=$?
    set -- provider/capra/runs/redaction/redact.py provider/capra/kube/cache/claims.py provider/capra/kube/cache/traits.py
    set -- "$@" provider/capra/engine/*.py provider/capra/engine/*/*.py
fi
copy=$(mktemp -d) || exit
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -c 2>/dev/null |
    tar -x -C "$copy"
for file in "$@"; do
    case $file in
    */__init__.py | */ports.py) continue ;;
    */redaction/*.py)
        tests="tests/unit/engine/redaction tests/unit/runs/redaction"
        # What is left out takes seconds, and looks at time only.
        tests="$tests -k 'not slow and not a_second and not large'"
        ;;
    */kube/cache/claims.py)
        tests="tests/unit/kube/cache/test_claims.py tests/unit/kube/stores/test_following.py"
        tests="$tests tests/unit/controller/test_dependents.py tests/unit/kube/stores/test_giving_back.py"
        ;;
    */runs/*) tests="tests/unit/runs" ;;
    */kube/*) tests="tests/unit/kube" ;;
    *)
        # The file's own tests first: they kill most. With pytest, a file that is named twice is run once.
        tests="tests/unit/engine tests/unit/controller/reconcilers/test_node.py tests/unit/cli/test_changes.py"
        directory=$(dirname "$file")
        own=tests/unit/${directory#provider/capra/}/test_$(basename "$file")
        [ ! -e "$own" ] || tests="$own $tests"
        ;;
    esac
    session=$out/$(basename "$file" .py)
    cat >"$session.toml" <<END
[cosmic-ray]
module-path = "$file"
timeout = 120.0
excluded-modules = []
test-command = "python -m pytest -x -q -p no:cacheprovider -p no:randomly $tests"
[cosmic-ray.distributor]
name = "local"
[cosmic-ray.filters.operators-filter]
exclude-operators = [
  "core/ReplaceBinaryOperator_BitOr_.*",
  "core/ReplaceComparisonOperator_Is(Not)?_(Eq|NotEq|Lt|LtE|Gt|GtE)",
  "core/ReplaceComparisonOperator_(Eq|NotEq|Lt|LtE|Gt|GtE)_Is(Not)?",
]
END
    (
        cd "$copy" || exit
        if [ ! -e "$session.sqlite" ]; then
            # Tests that fail without any mutation would kill them all.
            nice cosmic-ray baseline "$session.toml" || exit
            cosmic-ray init "$session.toml" "$session.sqlite" || exit
            cr-filter-operators "$session.sqlite" "$session.toml" || exit
        fi
        if [ -n "${CAPRA_MUTANTS_SAMPLE-}" ]; then
            python scripts/mutants_session.py sample "$session.sqlite" "$CAPRA_MUTANTS_SAMPLE" || exit
        fi
        nice cosmic-ray exec "$session.toml" "$session.sqlite"
    ) || status=1
    printf '== %s\n' "$file"
    cr-report --surviving-only --show-diff "$session.sqlite" >"$session.txt" || status=1
    python scripts/mutants_session.py told "$session.sqlite" || status=1
done
exit "$status"
