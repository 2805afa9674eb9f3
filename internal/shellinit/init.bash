# What `phased shell-init bash` prints, without its comments.
#
# The shell is the caller's: any option may be on, any name taken, any descriptor
# closed. So: keywords and `builtin` only, all names begin with __phased_init, every
# call of ours stands in `{ ...; } 2>/dev/null || [[ 1 ]]`, which hides the trace
# of set -x, keeps errexit and the ERR trap away, and leaves $? at 0. Records go
# to a path, so that no descriptor stays open.

if [[ ${__phased_init_pid-} != "${BASHPID-$$}" ]]; then

# What a hook may leave changed. The caller has $__phased_init_set from SHELLOPTS.
__phased_init_state() {
    \builtin printf '%s\0' "$__phased_init_set" "$BASHOPTS" "${IFS+=}${IFS-}" "${PWD-}"
    \builtin umask
    \builtin printf '\0'
    \builtin trap -p
    \builtin printf '\0'
}
__phased_init_shell() {
    \builtin local __phased_init_stat=
    \builtin read -r -d '' __phased_init_stat <"/proc/$1/stat"
    \builtin printf '%s\0' 13 shell "${EPOCHREALTIME-}" "$1" "$__phased_init_stat" "$BASH_VERSION" "$0" "${TOP_DIR-}"
    __phased_init_state
}
# DIRECTORY FOUND MODE SUB-PHASE PATH...
__phased_init_enter() {
    \builtin printf '%s\0' "$(($# + 2))" enter "${EPOCHREALTIME-}" "$@"
}
__phased_init_before() {
    \builtin printf '%s\0' 9 before "${EPOCHREALTIME-}" "$1"
    __phased_init_state
}
__phased_init_after() {
    \builtin printf '%s\0' 9 after "${EPOCHREALTIME-}" "$1"
    __phased_init_state
}
__phased_init_skip() {
    if [[ -e $1 || -L $1 ]]; then \builtin set -- "$1" there; fi
    \builtin printf '%s\0' 4 skip "${EPOCHREALTIME-}" "$1" "${2-}"
}
__phased_init_leave() {
    \builtin printf '%s\0' 2 leave "${EPOCHREALTIME-}"
}
# set -x may call functions for its prompt, at milliseconds a line.
__phased_init_tell() {
    \builtin local "__phased_init_set=$SHELLOPTS"
    if [[ $- == *x* ]]; then
        \builtin set +x
        "__phased_init_$@"
        \builtin set -x
    else
        "__phased_init_$@"
    fi
} >>@RECORDS@
# With set -a, functions are exported: not these.
if [[ $- == *a* ]]; then
    \builtin export -nf __phased_init_state __phased_init_shell __phased_init_enter __phased_init_before __phased_init_after __phased_init_skip __phased_init_leave __phased_init_tell
fi
__phased_init_pid=${BASHPID-$$}
\builtin export -n __phased_init_pid
if ! { __phased_init_tell shell "$__phased_init_pid"; } 2>/dev/null && [[ @RECORDED@ ]]; then
    \builtin printf 'phased: warning: the hooks of this shell are not recorded: cannot write %s\n' @RECORDS@ >&2
fi

else
{ \builtin printf '%s\0' 1 decline >>@RECORDS@; } 2>/dev/null || [[ 1 ]]
fi

# The hook point. Hooks see its locals and its name, so there is nothing else.
run_phase() {
    local mode=$1 phase=${2-}
    if [[ -d $TOP_DIR/extras.d @LEAVE@ ]]; then
        { \builtin set -- "$TOP_DIR"/extras.d/*.sh; } 2>/dev/null
        { __phased_init_tell enter "$TOP_DIR/extras.d" found "$mode" "$phase" "$@"; } 2>/dev/null || [[ 1 ]]
        for i do
            { \builtin set -- 0; } 2>/dev/null
            if [[ -r $i ]]; then
                { __phased_init_tell before "$i"; } 2>/dev/null || [[ 1 ]]
                source "$i" "$mode" ${phase:+"$phase"}
                { \builtin set -- "$?"; __phased_init_tell after "$1"; } 2>/dev/null || [[ 1 ]]
            else
                { __phased_init_tell skip "$i"; } 2>/dev/null || [[ 1 ]]
            fi
        done
    else
        { \builtin set --; __phased_init_tell enter "$TOP_DIR/extras.d" '' "$mode" "$phase"; } 2>/dev/null || [[ 1 ]]
    fi
    if [[ $mode == source ]]; then
        if { \builtin declare -F load_plugin_settings; } >/dev/null 2>&1; then
            { __phased_init_tell before load_plugin_settings; } 2>/dev/null || [[ 1 ]]
            load_plugin_settings
            { \builtin set -- "$?"; __phased_init_tell after "$1"; } 2>/dev/null || [[ 1 ]]
        fi
        if { \builtin declare -F verify_disabled_services; } >/dev/null 2>&1; then
            { __phased_init_tell before verify_disabled_services; } 2>/dev/null || [[ 1 ]]
            verify_disabled_services
            { \builtin set -- "$?"; __phased_init_tell after "$1"; } 2>/dev/null || [[ 1 ]]
        fi
    elif [[ $mode == override_defaults ]]; then
        if { \builtin declare -F plugin_override_defaults; } >/dev/null 2>&1; then
            { __phased_init_tell before plugin_override_defaults; } 2>/dev/null || [[ 1 ]]
            plugin_override_defaults
            { \builtin set -- "$?"; __phased_init_tell after "$1"; } 2>/dev/null || [[ 1 ]]
        fi
    elif { \builtin declare -F run_plugins; } >/dev/null 2>&1; then
        { __phased_init_tell before run_plugins; } 2>/dev/null || [[ 1 ]]
        run_plugins "$mode" ${phase:+"$phase"}
        { \builtin set -- "$?"; __phased_init_tell after "$1"; } 2>/dev/null || [[ 1 ]]
    fi
    { __phased_init_tell leave; } 2>/dev/null || [[ 1 ]]
    \builtin return "${1-0}"
}
