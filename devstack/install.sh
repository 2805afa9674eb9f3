# Gives the shell that DevStack runs in phased's run_phase. It changes nothing
# where that is done already, where phased is not found, and in a shell that
# phased itself has started, which has hook points of its own.

__phased_install() {
    local __phased_text __phased_command=${PHASED:-phased}
    __phased_text=$(declare -F)
    if [[ ${__phased_text//__phased_in/} == *__phased_* ]]; then
        return 0
    fi
    if [[ ${__phased_init_pid-} == "$BASHPID" && $(declare -f run_phase) == *__phased_init_tell* ]]; then
        return 0
    fi
    if ! type -P "$__phased_command" >/dev/null; then
        echo "phased plugin: $__phased_command is not found: extras.d stays as DevStack has it. Install phased, or name it by PHASED in the localrc" >&2
        return 0
    fi
    # clean.sh sources extras.d by a loop of its own, behind run_phase.
    if ! __phased_text=$("$__phased_command" shell-init bash --leave clean ${PHASED_STATE_DIR:+--state-dir "$PHASED_STATE_DIR"}); then
        echo "phased plugin: $__phased_command shell-init has failed: extras.d stays as DevStack has it" >&2
        return 0
    fi
    eval "$__phased_text"
}

# The trace of set -x need not hold all of it.
case $- in
*x*)
    { set +x; } 2>/dev/null
    __phased_install
    unset -f __phased_install
    set -x
    ;;
*)
    __phased_install
    unset -f __phased_install
    ;;
esac
