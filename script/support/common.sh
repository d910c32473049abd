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
