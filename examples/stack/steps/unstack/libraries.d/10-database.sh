# shellcheck shell=bash
source "$TOP_DIR/lib/database"
