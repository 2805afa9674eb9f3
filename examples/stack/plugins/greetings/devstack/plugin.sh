# greetings - a plugin that teaches notesd to greet who has written notes.
# shellcheck shell=bash

case "$1 ${2-}" in
"stack install") install_greetings ;;
"stack test-config")
    [[ $("$DEST/bin/notes" greet "$NOTES_OWNER") == "$GREETING, $NOTES_OWNER"* ]] || die $LINENO "notesd does not greet"
    ;;
"clean ")
    rm -f "$DEST/lib/verbs/greet"
    ;;
esac
