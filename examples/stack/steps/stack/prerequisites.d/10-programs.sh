# shellcheck shell=bash
for program in sqlite3 /usr/bin/python3 setsid install; do
    command -v "$program" >/dev/null || die $LINENO "$program is not there: install it (Debian: sqlite3, python3, util-linux, coreutils)"
done
mkdir -p "$DEST"/{bin,data,etc,lib/verbs,log,run}
