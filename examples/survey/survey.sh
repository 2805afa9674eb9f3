#!/bin/bash
# survey.sh PHASED [DIR ...] - what phased finds in a host's own hook directories.
#
# It makes a lifecycle of each directory, each a phase of its own, and asks
# phased for the verdict on every entry, for what other tools would do
# differently, and for what is wrong. It runs none of the hooks.
set -eu

phased=${1:?usage: survey.sh PHASED [DIR ...]}
shift
if [ $# = 0 ]; then
    set -- /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly \
        /etc/kernel/postinst.d /etc/kernel/postrm.d /etc/kernel/install.d /usr/lib/kernel/install.d \
        /usr/lib/systemd/system-generators /usr/lib/systemd/user-environment-generators \
        /usr/lib/systemd/user-generators /usr/lib/systemd/system-shutdown /usr/lib/systemd/system-sleep \
        /etc/ca-certificates/update.d /etc/update-motd.d /etc/X11/Xsession.d /etc/X11/Xreset.d \
        /etc/init.d /etc/rc0.d /etc/rc6.d /etc/rcS.d /etc/network/if-up.d /etc/NetworkManager/dispatcher.d
fi

settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
{
    echo "lifecycles:"
    echo "  survey:"
    echo "    base: /"
    echo "    order: glob"
    echo "    phases:"
    for dir; do
        [ -d "$dir" ] || continue
        name=${dir#/} name=${name//./-}
        printf '      - {name: "%s", dir: "%s"}\n' "${name//\//-}" "$dir"
    done
} >"$settings"

entries=0
for dir; do
    [ -d "$dir" ] && entries=$((entries + $(find "$dir" -mindepth 1 -maxdepth 1 | wc -l)))
done
echo "entries that find(1) sees: $entries"
echo "entries with a verdict:    $("$phased" plan survey --config "$settings" --json | grep -c '"verdict":')"
echo
echo "== phased plan"
"$phased" plan survey --config "$settings"
echo
echo "== phased plan --compare dib-run-parts,run-parts"
"$phased" plan survey --config "$settings" --compare dib-run-parts,run-parts
echo
echo "== phased check"
"$phased" check survey --config "$settings" || echo "(exit $?)"
