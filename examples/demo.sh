#!/bin/bash
# demo.sh - shows phased at work: the example host of examples/refresh lives in
# a temporary directory; its configuration is refreshed twice, for real.
#
# `make demo` builds bin/phased and runs this. It needs bash and coreutils, no
# rights, and leaves nothing behind.
set -eu
cd "$(dirname "$0")/.."

root=$(mktemp -d "${TMPDIR:-/tmp}/phased-demo.XXXXXX")
export PATH="$PWD/bin:$PATH"
state=$root/state
options=(--base "$PWD/examples/refresh" --state-dir "$state" --env "DEMO_ROOT=$root")

# The service that the example starts lives on after the run, as it should; it
# removes its pid file when it ends.
goodbye() {
    local file=$root/run/greeter/pid
    if [[ -e $file ]]; then
        kill "$(cat "$file")" || true
        for _ in $(seq 100); do
            [[ -e $file ]] || break
            sleep 0.05
        done
    fi
    rm -rf "$root"
}
trap goodbye EXIT

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
[[ -t 1 && -z ${NO_COLOR:-} ]] || say() { printf '\n# %s\n' "$*"; }

# try COMMAND... shows a command and runs it.
try() {
    printf '$ %s\n' "$*" | sed -e "s|$PWD/||g" -e "s|$root|\$root|g"
    "$@"
}

facts() { printf 'host=example\nversion=%s\ngreeting=%s\n' "$1" "$2" >"$root/etc/facts"; }

mkdir -p "$root/etc" "$root/data"
facts 1.0 Hello
printf '%s was here on %s\n' Ada 1843-07-10 Grace 1959-05-28 Barbara 1974-04-01 >"$root/data/guestbook.txt"

say "A new host: facts for version 1.0 of its service, and a guest book of the old format. What would a refresh do?"
try phased plan "${options[@]}"

say "Do it: drain, configure, activate, migrate"
try phased run "${options[@]}"

say "New facts have come: version 2.0. The service is drained and restarted; nothing is left to migrate"
facts 2.0 'Good day'
try phased run "${options[@]}"

say "What the two runs did to the host"
try cat "$root/etc/greeter.conf" "$root/log/greeter"
try cat "$root/data/guestbook.tsv"

say "And what was recorded of the second one"
try phased show last --state-dir "$state"
