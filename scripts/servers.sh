#!/bin/sh
# Makes the servers that the tests start: scripts/servers.sh DIR
#
# DIR/bin holds a redis-server afterwards, and DIR/.complete exists. Takes the machine's own program where it is new
# enough; else unpacks Debian's package into DIR, which installs nothing and starts nothing.
set -eu

dir=$1

say() { printf '%s\n' "$*" >&2; }

is_new_enough() {
    version=$("$1" --version 2>/dev/null | sed -n 's/.* v=\([0-9]*\)\..*/\1/p')
    [ "${version:-0}" -ge 7 ]
}

refuse() {
    say "error: the tests need redis-server 7.0 or later, and there is none on PATH; install one, for example with"
    say "    sudo apt-get install redis-server           # Debian 12 or later"
    say "    brew install redis                          # macOS"
    exit 1
}

download() {
    # The programs, and what of their libraries a bare system lacks.
    packages=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances redis-server |
        grep -E '^(redis-server|redis-tools|lib(atomic|jemalloc|lzf|lua|systemd|ssl)[^ ]*|lua-(bitop|cjson))$' || true)
    [ -n "$packages" ] || return 1
    # shellcheck disable=SC2086 # one word a package
    apt-get download $packages
}

unpack() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    say "unpacking redis-server out of Debian's package into $dir"
    (
        cd "$work"
        apt-cache show redis-server >/dev/null 2>&1 || apt-get update
        download || { apt-get update && download; }
    ) >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        refuse
    }
    for package in "$work"/*.deb; do
        dpkg-deb --extract "$package" "$dir/root"
    done
}

wrap() {
    # The program under its own name and process, with the libraries that lie beside it.
    cat >"$dir/bin/redis-server" <<WRAPPER
#!/bin/bash
here=\$(cd "\$(dirname "\${BASH_SOURCE[0]}")/.." && pwd)
export LD_LIBRARY_PATH="\$here/root/usr/lib:\$here/root/usr/lib/$(uname -m)-linux-gnu"
exec -a redis-server "\$here/root/usr/bin/redis-server" "\$@"
WRAPPER
    chmod +x "$dir/bin/redis-server"
}

rm -rf "$dir"
mkdir -p "$dir/bin"
if command -v redis-server >/dev/null 2>&1 && is_new_enough redis-server; then
    ln -s "$(command -v redis-server)" "$dir/bin/redis-server"
elif command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1; then
    unpack
    wrap
else
    refuse
fi
if ! is_new_enough "$dir/bin/redis-server"; then
    say "error: $dir/bin/redis-server does not run, or is older than 7.0"
    "$dir/bin/redis-server" --version >&2 || true
    exit 1
fi
touch "$dir/.complete"
