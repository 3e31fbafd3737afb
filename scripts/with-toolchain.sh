#!/bin/sh
# Runs a command of this checkout with its toolchain first in PATH: sh scripts/with-toolchain.sh node FILE…
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/.toolchain/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
exec "$@"
