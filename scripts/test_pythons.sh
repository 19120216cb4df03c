#!/bin/sh
# Runs the unit and the quick conformance tests on each other supported Python that is found, each in an environment
# of its own (.venv-3.12 ...). One that is not found is named and left out.
set -eu

supported='3.11 3.12 3.13'
own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

runs() { "$1" -c "import sys; raise SystemExit('%d.%d' % sys.version_info[:2] != '$2')" >/dev/null 2>&1; }

# On PATH, or in the folder where pyenv keeps versions that are installed and not chosen.
find_python() {
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1"/bin/python; do
        if runs "$candidate" "$1"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
}

for version in $supported; do
    [ "$version" != "$own" ] || continue
    python=$(find_python "$version")
    if [ -z "$python" ]; then
        echo "Python $version: not found, not tested"
        continue
    fi
    dir=.venv-$version
    echo "Python $version: found as $python"
    if [ ! -e "$dir/.complete" ] || [ -n "$(find pyproject.toml -newer "$dir/.complete")" ]; then
        scripts/venv.sh "$dir" test "$python"
    fi
    "$dir/bin/python" -m pytest tests/unit tests/conformance/test_memory.py tests/conformance/test_sqlite.py \
        tests/conformance/redis -n 2 -q
done
