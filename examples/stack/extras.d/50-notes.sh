# 50-notes.sh - the book of notes, which is what this stack is for.
# shellcheck shell=bash

# At every point, and not only at the first: it is cheap, and what was mended in
# the library holds when a failed run is resumed.
source "$TOP_DIR/lib/notes"

case "$1 ${2-}" in
"stack install") install_notes ;;
"stack post-config")
    configure_notes
    register_service notes
    ;;
"stack extra") start_notes ;;
"unstack ") stop_notes ;;
"clean ") clean_notes ;;
esac
