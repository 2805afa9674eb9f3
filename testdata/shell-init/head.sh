#!/bin/bash
# A mock-up of today's DevStack: the functions for hook points and plugins, and
# the order in which stack.sh, unstack.sh and clean.sh use them. What they do
# between is left out.
#
#   head.sh stack|unstack|clean --top-dir DIR
#
# DIR/localrc is sourced; `enable_plugin NAME DIR` in it enables a plugin.

self=$(readlink -f "$0")
command=$1
TOP_DIR=$3
declare -A GITDIR
DEVSTACK_PLUGINS=

warn() { echo "WARN $1: ${2-}" >&2; }

enable_plugin() {
    DEVSTACK_PLUGINS+=${DEVSTACK_PLUGINS:+,}$1
    GITDIR[$1]=$2
}

load_plugin_settings() {
    local plugins=$DEVSTACK_PLUGINS plugin
    for plugin in ${plugins//,/ }; do
        local dir=${GITDIR[$plugin]}
        if [[ -f $dir/devstack/settings ]]; then
            source $dir/devstack/settings
        fi
    done
}

plugin_override_defaults() {
    local plugins=$DEVSTACK_PLUGINS plugin
    for plugin in ${plugins//,/ }; do
        local dir=${GITDIR[$plugin]}
        if [[ -f $dir/devstack/override-defaults ]]; then
            echo "$plugin has overridden the following defaults"
            cat $dir/devstack/override-defaults
            source $dir/devstack/override-defaults
        fi
    done
}

run_plugins() {
    local mode=$1 phase=$2
    local plugins=$DEVSTACK_PLUGINS plugin
    for plugin in ${plugins//,/ }; do
        local dir=${GITDIR[$plugin]}
        if [[ -f $dir/devstack/plugin.sh ]]; then
            source $dir/devstack/plugin.sh $mode $phase
        fi
    done
}

verify_disabled_services() { echo "verified in $mode" >> "$TRACE"; }

run_phase() {
    local mode=$1
    local phase=$2
    if [[ -d $TOP_DIR/extras.d ]]; then
        local file
        for file in $TOP_DIR/extras.d/*.sh; do
            local allowed="80-tempest.sh" name
            name=${file##*/}
            if [[ ! $allowed =~ $name ]]; then
                warn "extras.d is closed"
                warn "$name is skipped"
            else
                [[ -r $file ]] && source $file $mode $phase
            fi
        done
    fi
    if [[ $mode == source ]]; then
        load_plugin_settings
        verify_disabled_services
    elif [[ $mode == override_defaults ]]; then
        plugin_override_defaults
    else
        run_plugins $mode $phase
    fi
}

loop() {
    echo "if [[ -d \$TOP_DIR/extras.d ]]; then for i in \$TOP_DIR/extras.d/*.sh; do [[ -r \$i ]] && source \$i $1; done; fi"
}

if [[ $command == stack ]]; then
    set -o errexit
    trap 'r=$?; [[ $r -eq 0 ]] || echo "stack.sh failed" >&2; exit $r' EXIT
    umask 022
fi
source $TOP_DIR/localrc
exec 3>&1

case $command in
stack)
    set -o xtrace
    run_phase override_defaults
    run_phase source
    run_phase stack pre-install
    run_phase stack install
    run_phase stack post-config
    run_phase stack extra
    run_phase stack test-config
    ;;
unstack)
    run_phase override_defaults
    eval "$(loop source)"
    load_plugin_settings
    run_phase unstack
    exit 0
    ;;
clean)
    eval "$(loop source)"
    load_plugin_settings
    /bin/bash "$self" unstack --top-dir "$TOP_DIR"
    run_phase clean
    eval "$(loop clean)"
    exit 0
    ;;
esac
