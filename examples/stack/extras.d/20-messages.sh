# 20-messages.sh - the message service.
# shellcheck shell=bash

source "$TOP_DIR/lib/messages"

case "$1 ${2-}" in
"stack install") install_messages ;;
"stack post-config") register_service messages ;;
"stack extra") start_messages ;;
"unstack ") stop_messages ;;
"clean ") clean_messages ;;
esac
