#!/bin/bash
# demo-stack.sh [PHASED] - shows sourced hooks at work: the little stack of
# examples/stack lives in a temporary directory. It is brought up, broken, looked
# at, resumed, taken down and cleaned, for real.
#
# `make demo-stack` builds bin/phased and runs this. It needs bash, coreutils,
# sqlite3 and python3 and no rights. It ends with 1 where something is not as it
# should be, and leaves nothing behind: that it checks itself.
set -eu
cd "$(dirname "$0")/.."

bin=$(dirname "$(realpath "${1:-bin/phased}")")
root=$(mktemp -d "${TMPDIR:-/tmp}/phased-demo-stack.XXXXXX")
root=$(realpath "$root")
export PATH="$bin:$PATH" DEST=$root/dest PHASED_STATE_DIR=$root/state
top=$root/stack
token=an-example-token

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
[[ -t 1 && -z ${NO_COLOR:-} ]] || say() { printf '\n# %s\n' "$*"; }

# show COMMAND... shows a command line.
show() { printf '$ %s\n' "$*" | sed -e "s|$root|\$root|g"; }

# try COMMAND... shows a command and runs it.
try() {
    show "$*"
    "$@"
}

# quiet LOG COMMAND... is try with the output in a file: stack traces every
# command, as DevStack does.
quiet() {
    local log=$1
    shift
    show "$* >$log 2>&1"
    "$@" >"$log" 2>&1
}

fail() {
    printf 'demo-stack: %s\n' "$*" >&2
    exit 1
}

# want TEXT COMMAND... tries a command and demands a text in what it prints.
want() {
    local text=$1 out
    shift
    show "$*"
    out=$("$@") || fail "$1 ends with $?"
    printf '%s\n' "$out"
    [[ $out == *"$text"* ]] || fail "this does not say \"$text\""
}

# ours prints the processes that have to do with the demo, but this one and its
# callers and children.
ours() {
    local dir pid words
    for dir in /proc/[0-9]*; do
        pid=${dir#/proc/}
        [[ $pid != "$$" && $pid != "$BASHPID" ]] || continue
        words=()
        mapfile -d '' -t words 2>/dev/null <"$dir/cmdline" || continue
        if [[ ${words[*]} == *"$root"* || $(readlink "$dir/cwd" 2>/dev/null) == "$root"* ]]; then
            echo "$pid ${words[*]}"
        fi
    done
}

# goodbye runs at any end: what a broken demo has left is ended and removed.
goodbye() {
    local status=$? pid words
    if [[ $status != 0 ]]; then
        for log in "$root"/*.log; do
            [[ ! -e $log ]] || { echo "--- the end of $log"; tail -n 20 "$log"; } >&2
        done
    fi
    while read -r pid words; do
        echo "demo-stack: ending $pid ($words)" >&2
        kill -KILL "$pid" || true
    done < <(ours)
    rm -rf "$root"
    exit "$status"
}
trap goodbye EXIT

cp -r examples/stack "$top"

say "A stack: base steps, three hooks in extras.d, and a plugin that local.conf enables. What would a stack do?"
try phased plan stack --top-dir "$top"

say "Bring it up"
quiet "$root/first.log" phased stack --top-dir "$top"

say "It serves: notes asks the daemon notesd by way of the message service, and notesd asks the database"
want entered "$DEST/bin/notes" add Ada 'It is desirable to guard against exaggerated ideas'
want 'exaggerated ideas' "$DEST/bin/notes" list Ada
want 'Good day, Ada: you have written 2 notes' "$DEST/bin/notes" greet Ada

say "Take it down, and break a hook: deep in 50-notes.sh, a statement names a table that is not there"
quiet "$root/unstack.log" phased unstack --top-dir "$top"
[[ -z $(ours) ]] || fail "unstack leaves these running: $(ours)"
try sed -i 's/INSERT OR IGNORE INTO note /INSERT OR IGNORE INTO notes /' "$top/lib/notes"
if quiet "$root/broken.log" phased stack --top-dir "$top" --capture tee; then
    fail "the broken stack ends well"
fi

say "What failed, where, and how it came there"
try phased show last >"$root/report"
cat "$root/report"
for text in 50-notes.sh "lib/notes:" import_note configure_notes post-config 'no such table: notes'; do
    grep -qF -- "$text" "$root/report" || fail "the report does not say \"$text\""
done

say "Who made NOTES_VERBS what it is?"
want greetings phased blame NOTES_VERBS

say "Mend it, and go on at the hook that failed, with the variables as they were"
try cp examples/stack/lib/notes "$top/lib/notes"
quiet "$root/resume.log" phased resume
want 'exaggerated ideas' "$DEST/bin/notes" list Ada
want 'Good day, Ada: you have written 2 notes' "$DEST/bin/notes" greet Ada

say "No record has the token that local.conf sets"
if grep -rlF -- "$token" "$PHASED_STATE_DIR/runs"; then
    fail "the token is on record"
fi

say "Down again, and away with it; clean runs an unstack of its own"
quiet "$root/down.log" phased unstack --top-dir "$top"
quiet "$root/clean.log" phased clean --top-dir "$top"
try phased runs

left=$(ours)
[[ -z $left ]] || fail "left running: $left"
[[ ! -e $DEST ]] || fail "left on disk: $(find "$DEST")"
diff -r examples/stack "$top" || fail "the stack's own files were changed"
say "Nothing is left running or on disk"
