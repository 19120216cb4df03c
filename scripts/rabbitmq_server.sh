#!/bin/bash
# A private RabbitMQ for the tests, out of packages that nobody installed:
#
#   rabbitmq-server PORT DIR           runs in the foreground; DIR keeps data, log, settings and the cookie
#   rabbitmq-server DIR ctl COMMAND…   what rabbitmqctl says and does to the one that keeps its data in DIR
#   rabbitmq-server --version          e.g. 3.10.8
#
# It listens on 127.0.0.1 alone. epmd and the port between nodes are its own, chosen at each start, and end with its
# process group. DIR/more.conf, if it is there, is read behind the settings that are written here.
set -eu

# Lies in bin/, beside root/ with the packages; under the name rabbitmq-server-4.3, beside root-4.3/.
self=$(readlink -f "${BASH_SOURCE[0]}")
here=$(cd "$(dirname "$self")/.." && pwd)
root=$here/root${self##*/rabbitmq-server}
home=$(echo "$root"/usr/lib/rabbitmq/lib/rabbitmq_server-*)
node=anyjob@localhost

free_ports() {
    python3 - <<'PYTHON'
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in held))
PYTHON
}

environment() {
    libraries=$root/usr/lib/$(uname -m)-linux-gnu
    # With a C library of their own its programs find it by themselves, and no other program may.
    [ -e "$libraries/libc.so.6" ] || export LD_LIBRARY_PATH=$libraries
    export ROOTDIR=$root/usr/lib/erlang
    export PATH=$ROOTDIR/bin:$PATH
    export HOME=$1 LANG=C.UTF-8 LC_ALL=C.UTF-8
    export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$2
    export RABBITMQ_HOME=$home
    export RABBITMQ_NODENAME=$node RABBITMQ_USE_LONGNAME=false
    export RABBITMQ_CONF_ENV_FILE=/dev/null
}

if [ "${1:-}" = --version ]; then
    environment /tmp 0
    # Whether Erlang runs here at all.
    erl -noinput -eval 'ok = crypto:start(), halt(0).'
    echo "${home##*-}"
    exit
fi

if [ "${2:-}" = ctl ]; then
    dir=$1
    shift 2
    environment "$dir" "$(cat "$dir/epmd")"
    # Its own distribution listens nowhere but on the loopback either.
    export RABBITMQ_CTL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
    exec "$root/usr/lib/rabbitmq/bin/rabbitmqctl" --silent "$@"
fi

port=$1 dir=$2
read -r epmd_port dist_port <<<"$(free_ports)"
environment "$dir" "$epmd_port"
echo "$epmd_port" >"$dir/epmd"
[ -f "$dir/.erlang.cookie" ] || (umask 077 && head -c 24 /dev/urandom | base64 | tr -dc A-Za-z0-9 >"$dir/.erlang.cookie")
cat >"$dir/rabbitmq.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$port
default_user = anyjob
default_pass = hidden-word
log.file.level = warning
# The disk's free space says nothing about a folder in memory.
disk_free_limit.absolute = 1MB
vm_memory_high_watermark.absolute = 1GB
CONF
[ ! -f "$dir/more.conf" ] || cat "$dir/more.conf" >>"$dir/rabbitmq.conf"
printf '[%s].\n' "${RABBITMQ_TEST_PLUGINS:-}" >"$dir/enabled_plugins"
export RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
export RABBITMQ_ADVANCED_CONFIG_FILE=$dir/advanced.config
export RABBITMQ_MNESIA_BASE=$dir/data RABBITMQ_LOG_BASE=$dir/log
export RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins
export RABBITMQ_PLUGINS_DIR=$RABBITMQ_HOME/plugins
export RABBITMQ_DIST_PORT=$dist_port
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
# Not its shell script's child, but this process: signals reach the server itself.
export RUNNING_UNDER_SYSTEMD=true
epmd -port "$epmd_port" -address 127.0.0.1 &
exec "$root/usr/lib/rabbitmq/bin/rabbitmq-server"
