# shellcheck shell=bash
remove_database
# rmdir, and not rm -r: what somebody else put there is not ours to remove.
rmdir "$DEST"/{bin,data,etc,lib/verbs,lib,log,run} && rmdir "$DEST"
