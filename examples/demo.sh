#!/bin/bash
# demo.sh [PHASED] - shows phased at work: the little web host of examples/web-host
# lives in a temporary directory. It is brought up, left alone, broken and resumed,
# for real.
#
# `make demo` builds bin/phased and runs this. It needs bash, coreutils and python3,
# no rights, and leaves nothing behind. It ends with 1 where something is not as it
# should be.
set -eu
cd "$(dirname "$0")/.."

bin=$(dirname "$(realpath "${1:-bin/phased}")")
root=$(mktemp -d "${TMPDIR:-/tmp}/phased-demo.XXXXXX")
root=$(realpath "$root")
export PATH="$bin:$PATH" PHASED_STATE_DIR=$root/state
host=$PWD/examples/web-host

# phased stands in the directory that hooks find it in, as in /usr/bin.
options=(--config "$host/phased.yaml" --base "$host" --env "WEB_ROOT=$root" --env "PATH=$bin:/usr/bin:/bin")

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# goodbye ends the server, which lives on after a run, as it should.
goodbye() {
    local file=$root/run/webd.pid
    if [[ -e $file ]]; then
        kill "$(cat "$file")" || true
        for _ in $(seq 200); do
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
    printf '$ %s\n' "$*" | sed -e "s|$bin|bin|g" -e "s|$PWD/||g" -e "s|$root|\$root|g"
    "$@"
}

facts() { printf 'name=example\nversion=%s\n' "$1" >"$root/etc/facts"; }

mkdir -p "$root/etc" "$root/data"
facts 1.0
echo 'Open from 9 to 5' >"$root/etc/notice"
printf '%s was here on %s\n' Ada 1843-07-10 Grace 1959-05-28 Barbara 1974-04-01 >"$root/data/visits.txt"

say "A new host: facts for version 1.0 of its web server, and a visitors' book of the old format. What would a run do?"
try phased plan web-host "${options[@]}"

say "Do it. Two hooks notify \"web\": the server is restarted once, comes up late, and is asked until it answers"
try phased run web-host "${options[@]}"
pid=$(cat "$root/run/webd.pid")

say "Again. Nothing has changed, so nothing is restarted, and nothing is migrated a second time"
try phased run web-host "${options[@]}"
[[ $pid == "$(cat "$root/run/webd.pid")" ]] || fail "the server was restarted"

say "Version 2.0, but somebody has lost the notice for the front page. What fails tells its story, and visitors are let in again"
facts 2.0
rm "$root/etc/notice"
try phased run web-host "${options[@]}" && fail "the run ends well without a notice"
[[ $pid == "$(cat "$root/run/webd.pid")" ]] || fail "the server was restarted by a run that failed"

say "Mended. What was done is not done again; that \"web\" was notified is not forgotten: now it is served"
echo 'Open from 9 to 6' >"$root/etc/notice"
try phased resume
[[ $pid != "$(cat "$root/run/webd.pid")" ]] || fail "the server was not restarted"

say "What is on record of that"
try phased show last

say "And who said which version it is?"
try phased blame WEB_VERSION
