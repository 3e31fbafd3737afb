#!/bin/sh
# What a newcomer does, on a machine with nothing: a bare Debian 12 in a folder, with its own file system, mounts and /run, but this kernel and
# this machine's network. The last commit of this checkout is cloned there, and its demo and its tests are run.
# usage: sh test/proof/bare-machine.sh     as root; takes about ten minutes and 4 GB in $TMPDIR
set -eu
CHECKOUT=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" -eq 0 ] || { echo 'bare-machine: needs root' >&2; exit 1; }

case ${1:-} in
  inside) # in mount and process namespaces of our own: what is mounted and started here goes with us
    MACHINE=$2
    mount --bind "$MACHINE" "$MACHINE"
    cd "$MACHINE"
    for folder in sys dev; do mount --rbind "/$folder" "$folder"; done
    mount -t proc proc proc
    mount -t tmpfs run run
    mount --bind -o ro "$CHECKOUT" mnt
    mkdir -p old
    pivot_root . old
    umount -l /old
    exec env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt sh -ec '
        apt-get update -qq && apt-get install -y -qq --no-install-recommends git >/dev/null 2>&1
        git -c safe.directory="*" clone -q /mnt /root/overstrata
        cd /root/overstrata
        npm run demo
        npm test'
    ;;
esac

MACHINE=$(mktemp -d "${TMPDIR:-/var/tmp}/overstrata-bare-XXXXXX")
trap 'rm -rf --one-file-system "$MACHINE"' EXIT
chmod 755 "$MACHINE"
INSIDE=
leave() { [ -z "$INSIDE" ] || kill -KILL "$INSIDE" 2>/dev/null || true; exit "$1"; }
trap 'leave 130' INT
trap 'leave 143' TERM
# A newcomer has some Node with npm, and certificates.
node=$(PATH=/usr/local/bin:/usr/bin:/bin command -v node) || { echo 'bare-machine: needs a Node with npm in /usr' >&2; exit 1; }
npm=$(dirname "$(dirname "$(readlink -f "$(dirname "$node")/npm")")")
mirror=$(sed -n 's/^\(deb\|URIs:\) *\(\[[^]]*\] *\)\{0,1\}\(http[^ ]*\).*/\3/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep /debian | grep -v security | head -n 1)
debootstrap --variant=minbase --include=ca-certificates bookworm "$MACHINE" "${mirror:-http://deb.debian.org/debian}" >/dev/null
cp /etc/resolv.conf /etc/hosts "$MACHINE/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$MACHINE/etc/ssl/certs/"
echo 'Acquire::Check-Valid-Until "false"; Acquire::Check-Date "false";' >"$MACHINE/etc/apt/apt.conf.d/99clock"
mkdir -p "$MACHINE/usr/lib/node_modules"
cp "$node" "$MACHINE/usr/bin/node"
cp -a "$npm" "$MACHINE/usr/lib/node_modules/npm"
for program in npm npx; do ln -s "../lib/node_modules/npm/bin/$program-cli.js" "$MACHINE/usr/bin/$program"; done
echo 'cafile = /etc/ssl/certs/ca-certificates.crt' >"$MACHINE/root/.npmrc"

# unshare takes no other signal while it waits; with it everything inside ends.
unshare --mount --propagation private --pid --fork --kill-child sh "$CHECKOUT/test/proof/bare-machine.sh" inside "$MACHINE" &
INSIDE=$!
wait "$INSIDE"
