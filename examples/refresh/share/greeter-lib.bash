# What the hooks know of greeter. They source it; it runs nothing by itself.
# shellcheck shell=bash

: "${DEMO_ROOT:?is not set: name the directory that stands for the host}"
# The hooks that source this file read it.
# shellcheck disable=SC2034
share=$(dirname "${BASH_SOURCE[0]}")

# greeter_pid prints the pid of the running greeter, or fails. A pid file may be
# stale and its number taken by somebody else: the command line decides.
greeter_pid() {
    local pid
    pid=$(cat "$DEMO_ROOT/run/greeter/pid" 2>/dev/null) || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$DEMO_ROOT/lib/greeter" || return 1
    echo "$pid"
}

# greeter_ask REQUEST... prints greeter's answer, or fails after twenty seconds.
greeter_ask() {
    local run=$DEMO_ROOT/run/greeter reply answer status=0
    [[ -p $run/requests ]] || return 1
    reply=reply.$BASHPID
    mkfifo "$run/$reply"
    exec 8<>"$run/$reply" 9<>"$run/requests"
    echo "$reply $*" >&9
    read -r -t 20 answer <&8 || status=1
    exec 8<&- 9<&-
    rm -f "$run/$reply"
    [[ $status == 0 ]] && echo "$answer"
}

# greeter_start starts greeter as a daemon and returns when it answers. It gets
# a session and an environment of its own: nothing of the run that started it
# stays with it.
greeter_start() {
    env -i PATH="$PATH" DEMO_ROOT="$DEMO_ROOT" \
        setsid "$DEMO_ROOT/lib/greeter" </dev/null >>"$DEMO_ROOT/log/greeter" 2>&1 &
    local try
    for try in $(seq 50); do
        greeter_pid >/dev/null && greeter_ask version >/dev/null && return 0
        sleep 0.1
    done
    echo "greeter does not answer after $try tries; the end of its log:" >&2
    tail -n 5 "$DEMO_ROOT/log/greeter" >&2
    return 1
}
