# 80-audit.sh - keeps in the database who wrote when, and writes it out when the
# stack is taken down.
# shellcheck shell=bash

case "$1 ${2-}" in
"stack post-config")
    sql "CREATE TABLE IF NOT EXISTS audit (at TEXT NOT NULL, author TEXT NOT NULL)"
    sql "CREATE TRIGGER IF NOT EXISTS audit_note AFTER INSERT ON note BEGIN
             INSERT INTO audit VALUES (datetime('now'), new.author);
         END"
    ;;
"unstack ")
    if [[ -e $DATABASE ]]; then
        sql "SELECT * FROM audit" >"$DEST/data/audit.tsv"
    fi
    ;;
"clean ") rm -f "$DEST/data/audit.tsv" ;;
esac
