# What the scripts of this folder's parent share. Sourced, never run.

set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Where models, the recogniser's library and the sample recording live.
data=${DUPLEX_DATA:-${XDG_DATA_HOME:-${HOME:-/root}/.local/share}/duplex}

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }

fail() {
  printf '%s: error: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# What the script says of itself at its top.
case ${1-} in
  -h | --help)
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac

# Runs a command for a preset. ThreadSanitizer needs addresses that are not scattered too widely, so for it
# randomisation is off where that is allowed.
steady() {  # preset, command...
  local preset=$1
  shift
  if [[ $preset == tsan ]] && setarch -R true 2> /dev/null; then
    setarch -R "$@"
  else
    "$@"
  fi
}

# Compiler results are found again in another clone of the repository.
export CCACHE_BASEDIR=$repository CCACHE_NOHASHDIR=1
