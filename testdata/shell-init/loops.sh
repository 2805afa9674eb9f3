#!/bin/bash
# The hook loops of stack.sh, unstack.sh and clean.sh, as they were in 2015.
#
#   loops.sh stack|unstack|clean --top-dir DIR
#
# With PHASED_INIT, a command line, run_phase is what that prints; the loops that
# the scripts have in line stay. What the scripts do between is left out.

if [[ $1 == stack ]]; then
    set -o errexit
    [[ -z $NOUNSET ]] || set -o nounset
    trap 'r=$?; [[ $r -eq 0 ]] || echo "stack.sh failed" >&2; exit $r' EXIT
    trap 'echo "ERR trap" >&2' ERR
    export LC_ALL=C
    unset LANG LANGUAGE
    umask 022
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
fi

self=$(readlink -f "$0")
TOP_DIR=$3
BASH_ARGV0=$TOP_DIR/$1.sh

run_phase() {
    local mode=$1
    local phase=$2
    if [[ -d $TOP_DIR/extras.d ]]; then
        for i in $TOP_DIR/extras.d/*.sh; do
            [[ -r $i ]] && source $i $mode $phase
        done
        return 0
    fi
}

if [[ -n ${PHASED_INIT-} ]]; then
    phased_init=$PHASED_INIT
    unset PHASED_INIT
    eval "$($phased_init)"
    export -n phased_init
fi

case $1 in
stack)
    builtin set -o xtrace
    run_phase source
    run_phase stack pre-install
    run_phase stack install
    run_phase stack post-config
    run_phase stack extra
    builtin set +o xtrace
    ;;
unstack)
    if [[ -d $TOP_DIR/extras.d ]]; then
        for i in $TOP_DIR/extras.d/*.sh; do
            [[ -r $i ]] && source $i source
        done
    fi
    run_phase unstack
    exit 0
    ;;
clean)
    if [[ -d $TOP_DIR/extras.d ]]; then
        for i in $TOP_DIR/extras.d/*.sh; do
            [[ -r $i ]] && source $i source
        done
    fi
    ${phased_init:+/usr/bin/env} ${phased_init:+PHASED_INIT="$phased_init"} /bin/bash "$self" unstack --top-dir "$TOP_DIR"
    if [[ -d $TOP_DIR/extras.d ]]; then
        for i in $TOP_DIR/extras.d/*.sh; do
            [[ -r $i ]] && source $i clean
        done
    fi
    exit 0
    ;;
esac
