# What several hooks know of the web host. They source it; it runs nothing by itself.
# shellcheck shell=bash

: "${WEB_ROOT:?is not set: name the directory that stands for the host}"
# The hooks that source this file read it.
# shellcheck disable=SC2034
share=$(dirname "${BASH_SOURCE[0]}")

# web_pid prints the pid of the running server, or fails. A pid file may be stale
# and its number taken by somebody else: the command line decides.
web_pid() {
    local pid
    pid=$(cat "$WEB_ROOT/run/webd.pid" 2>/dev/null) || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$WEB_ROOT/lib/webd" || return 1
    echo "$pid"
}

# web_stop ends the server and waits until it is gone.
web_stop() {
    local pid
    pid=$(web_pid) || return 0
    kill "$pid"
    for _ in $(seq 200); do
        web_pid >/dev/null || return 0
        sleep 0.05
    done
    echo "webd (pid $pid) was told to end and still runs" >&2
    return 1
}

# web_start starts the server as a daemon, with a session and an environment of
# its own: nothing of the run that started it stays with it. It does not wait.
web_start() {
    env -i PATH=/usr/bin:/bin WEB_ROOT="$WEB_ROOT" \
        setsid python3 "$WEB_ROOT/lib/webd" </dev/null >>"$WEB_ROOT/log/webd" 2>&1 &
}

# web_replace FILE puts stdin there, whole or not at all, where it differs. It
# is written in the scratch directory, which a resumed run has to make again.
web_replace() {
    local new=$WEB_ROOT/tmp/${1##*/}
    mkdir -p "$WEB_ROOT/tmp"
    cat >"$new"
    if cmp -s "$new" "$1"; then
        rm "$new"
        echo "${1#"$WEB_ROOT/"} is up to date"
    else
        mv "$new" "$1"
        echo "${1#"$WEB_ROOT/"} written"
    fi
}

# web_install NAME FILE... copies files to lib/ and enters the package NAME into
# the list. The list is read, changed and written: without a lock, two hooks that do
# so at the same time would lose an entry.
web_install() {
    local name=$1 list=$WEB_ROOT/lib/packages
    shift
    install -m 755 "$@" "$WEB_ROOT/lib"
    touch "$list"
    { grep -vxF "$name" "$list" || true; echo "$name"; } | sort >"$list.new"
    mv "$list.new" "$list"
    echo "$name installed"
}
