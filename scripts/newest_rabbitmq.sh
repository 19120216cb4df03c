#!/bin/sh
# Unpacks the RabbitMQ of Debian's unstable release: scripts/newest_rabbitmq.sh ROOT
#
# ROOT is made, with the broker, the Erlang that it wants, and the C library that this wants, whatever the machine's own
# is: each program of Erlang's is told to begin with that loader, so nothing has to be installed and no one has to be root.
# It needs apt-get, dpkg-deb, and the key with which Debian signs its releases. ROOT cannot be moved afterwards.
set -eu

root=$1
libraries='libc6|libgcc-s1|libstdc\+\+6|libtinfo6|libssl3[a-z0-9]*|libsctp1|libsystemd0|libzstd1|zlib1g'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf '%s\n' "$*" >&2; }

for program in apt-get apt-cache dpkg-deb; do
    command -v "$program" >/dev/null 2>&1 || { say "there is no $program to fetch Debian's packages with"; exit 1; }
done
[ -f "$keyring" ] || { say "there is no $keyring to prove Debian's packages with"; exit 1; }

settings() {
    # apt looks in folders of its own here, and at nothing else; nothing counts as installed.
    mkdir -p lists/partial
    # shellcheck disable=SC2016 # a variable of apt's
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Component: main' 'Created-By: Packages' |
        grep -v security | head -n 1)
    echo "deb [signed-by=$keyring] ${mirror:-http://deb.debian.org/debian/} sid main" >sid.list
    cat >apt.conf <<CONF
Dir::Etc::sourcelist "$PWD/sid.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$PWD/lists";
Dir::State::status "/dev/null";
Dir::Cache "$PWD/cache";
APT::Sandbox::User "root";
CONF
}

download() {
    # The tool that tells programs their loader is the machine's own release's.
    command -v patchelf >/dev/null 2>&1 || (mkdir patchelf && cd patchelf && apt-get download patchelf) || return 1
    settings && mkdir packages || return 1
    (
        export APT_CONFIG="$PWD/apt.conf"
        apt-get update && needed >needed && cd packages && xargs apt-get download <../needed
    )
}

needed() {
    # What Erlang's programs and libraries are linked with, and nothing of a whole system's.
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
        rabbitmq-server | tr -d '<>' | grep -E "^(rabbitmq-server|erlang-[a-z0-9-]+|$libraries)\$"
}

programs() {
    find "$root/usr/lib/erlang" -type f -perm -100 | while read -r file; do
        [ "$(head -c 4 "$file" | tail -c 3)" != ELF ] || echo "$file"
    done
}

lead() {
    # By the loader and the libraries of their release, and so does what they load.
    patchelf=$(command -v patchelf || echo "$work/patchelf/usr/bin/patchelf")
    folder=$root/usr/lib/$(uname -m)-linux-gnu
    loader=$(echo "$folder"/ld-linux*.so.*)
    programs | while read -r program; do
        "$patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$folder" "$program"
    done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
(cd "$work" && download) >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
mkdir -p "$root"
root=$(cd "$root" && pwd)
for package in "$work"/packages/*.deb; do
    dpkg-deb --extract "$package" "$root"
done
for package in "$work"/patchelf/*.deb; do
    [ ! -f "$package" ] || dpkg-deb --extract "$package" "$work/patchelf"
done
lead
