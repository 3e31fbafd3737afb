#!/bin/sh
# Measures strata beside docker.io, containerd and podman; installs what it needs of them.
# usage: npm run bench -- --help
set -eu
cd "$(dirname "$0")/.."
case " $* " in *' --help '* | *' -h '*) exec sh scripts/with-toolchain.sh node bench/main.ts --help ;; esac
[ "$(uname -s)" = Linux ] && [ "$(id -u)" -eq 0 ] || { echo "bench: loop mounts and daemons need Linux and root: sudo npm run bench" >&2; exit 1; }
sh scripts/setup.sh time docker-registry dockerd docker ctr podman crun runc conmon busybox debootstrap
exec sh scripts/with-toolchain.sh node bench/main.ts "$@"
