# shellcheck shell=bash
: "${DEST:?is not set: name the directory that the stack is to live in}"
source "$TOP_DIR/functions"
