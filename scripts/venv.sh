#!/bin/sh
# Makes or refreshes a virtual environment: scripts/venv.sh DIR GROUP [PYTHON]
#
# DIR holds an editable anyjob and the dependency group GROUP of pyproject.toml afterwards, and DIR/.complete is
# newer than pyproject.toml. Uses uv when it is there, else venv and pip. A failure leaves no half environment.
set -eu

dir=$1
group=$2
wanted=${3:-}

say() { printf '%s\n' "$*" >&2; }

is_supported() {
    # A version manager's shim is on PATH and fails when its version is not chosen, so each candidate is run.
    "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${wanted:-python3 python3.13 python3.12 python3.11}; do
        if is_supported "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    say "error: ${wanted:-python3} >= 3.11 was asked for, and none on PATH runs; install one, for example with"
    say "    apt-get install python3 python3-venv        # Debian 12 or later"
    say "    brew install python@3.13                    # macOS"
    exit 1
}

works() { [ -x "$dir/bin/python" ] && "$dir/bin/python" -m pip --version >/dev/null 2>&1; }

has_ensurepip() { "$1" -c 'import ensurepip' >/dev/null 2>&1; }

venv_package() {
    # Debian keeps ensurepip in a package of its own, one for each minor version; python3-venv is the default's.
    minor=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ -x /usr/bin/python3 ] &&
        [ "$minor" = "$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" ]; then
        echo python3-venv
    else
        echo "python$minor-venv"
    fi
}

install_ensurepip() {
    package=$(venv_package "$1")
    if ! command -v apt-get >/dev/null 2>&1; then
        say "error: $1 has no ensurepip, so it cannot make a virtual environment; install a complete Python >= 3.11 or uv"
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        say "error: $1 has no ensurepip, so it cannot make a virtual environment; type this, then run make again"
        say "    sudo apt-get update && sudo apt-get install --yes $package"
        exit 1
    fi
    say "$1 has no ensurepip: installing $package"
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes "$package"; } >/dev/null; then
        say "error: apt-get could not install $package, which $1 needs to make a virtual environment; type this"
        say "    apt-get update && apt-get install --yes $package"
        exit 1
    fi
    if ! has_ensurepip "$1"; then
        say "error: $package is installed and $1 still has no ensurepip: it is not Debian's own Python;"
        say "    put another Python >= 3.11 first on PATH, or install uv"
        exit 1
    fi
}

create() {
    rm -rf "$dir"
    trap 'rm -rf "$dir"' EXIT
    trap 'exit 130' INT TERM
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --seed --python "$(command -v "$1")" "$dir"
    else
        has_ensurepip "$1" || install_ensurepip "$1"
        "$1" -m venv "$dir"
    fi
    trap - EXIT INT TERM
}

install() {
    if command -v uv >/dev/null 2>&1; then
        uv pip install --quiet --python "$dir/bin/python" --group "$group" --editable '.[conformance]'
    else
        # --group came with pip 25.1, and Debian 12 brings 23.0.
        "$dir/bin/python" -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
        "$dir/bin/python" -m pip install --quiet --group "$group" --editable '.[conformance]'
    fi
}

if ! works; then
    python=$(find_python)
    say "making $dir with $("$python" --version 2>&1)"
    create "$python"
fi
say "installing anyjob and its '$group' tools into $dir"
install
touch "$dir/.complete"
