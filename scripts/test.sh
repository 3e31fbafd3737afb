#!/bin/sh
# The second command of the README: does its own set-up, then checks everything that this machine can check.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  sh scripts/setup.sh 'crun|runc' runc conmon busybox debootstrap skopeo podman umoci docker-registry zstd pigz
else
  sh scripts/setup.sh
fi
sh scripts/with-toolchain.sh node scripts/check.ts
exec sh scripts/with-toolchain.sh node scripts/test-suites.ts
