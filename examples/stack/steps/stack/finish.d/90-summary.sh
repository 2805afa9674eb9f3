# shellcheck shell=bash
echo_summary "The stack is up: $(sql "SELECT group_concat(name, ', ') FROM service"). Ask it: DEST=$DEST $DEST/bin/notes list $NOTES_OWNER"
