# shellcheck shell=bash
# Shared by the scripts of this folder; sourced, not run. Says what is done, and asks for root only when it is needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Programs that only tests need lie outside the tree, so that `cargo clean` and a fresh clone keep them.
# shellcheck disable=SC2034 # the scripts that source this use it
test_tools="${REELPRESS_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/reelpress-test-tools}"

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; return; fi
  have sudo || fail "these packages are missing and there is no sudo to install them: run as root: $*"
  sudo "$@"
}

# True when every shared library named is where the dynamic linker finds it.
have_libraries() {
  local known library
  known="$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p)"
  for library; do grep -qF "$library " <<<"$known" || return 1; done
}

# Installs Debian packages; elsewhere says what is needed.
install_packages() {
  [ "$#" -gt 0 ] || return 0
  have apt-get || fail "install these packages (Debian's names) with your system's package manager, then try again: $*"
  say "Installing $*"
  # An index that can't be brought up to date may still be good enough to install from.
  as_root apt-get update -qq || say "The package index could not be updated"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
