# The points themselves need nothing. Where the base functions were sourced once
# more, and run_phase with them, ours comes back here.
source "${BASH_SOURCE[0]%/*}/install.sh"
