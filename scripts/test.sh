#!/bin/sh
# The second command of the README: does its own set-up, then checks everything that this machine can check.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  STRATA_TEST_PROGRAMS='crun|runc runc conmon busybox debootstrap skopeo podman umoci docker-registry zstd pzstd pigz bzip2 xz openssl htpasswd setfattr mkfs.ext4 mkfs.btrfs dmsetup qemu-system-x86_64 apparmor_parser ps python3'
  export STRATA_TEST_PROGRAMS # a test that is skipped for one of them fails in CI
  # shellcheck disable=SC2086
  sh scripts/setup.sh $STRATA_TEST_PROGRAMS
else
  sh scripts/setup.sh
fi
sh scripts/with-toolchain.sh node scripts/check.ts
exec sh scripts/with-toolchain.sh node scripts/test-suites.ts
