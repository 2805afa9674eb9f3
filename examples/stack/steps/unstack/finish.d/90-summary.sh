# shellcheck shell=bash
echo_summary "The stack is down; its data is kept in $DEST/data"
