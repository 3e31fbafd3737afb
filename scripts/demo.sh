#!/bin/sh
# The main job, from nothing: a Debian root file system becomes an image, runs, changes, is committed, goes to a private registry and comes back.
# usage: npm run demo [-- --keep]     --keep leaves the registry up and says how to use it
# All of its state lives in .cache/demo (removed at the next start); the Debian root file system in .cache/ is kept for the next run.
set -eu
cd "$(dirname "$0")/.."

KEEP=
for argument in "$@"; do
  case $argument in
    --keep) KEEP=1 ;;
    *) echo "demo: unknown argument $argument; there is only --keep" >&2; exit 1 ;;
  esac
done
[ "$(uname -s)" = Linux ] && [ "$(id -u)" -eq 0 ] || { echo "demo: containers need Linux and root: sudo npm run demo" >&2; exit 1; }

sh scripts/setup.sh 'crun|runc' conmon debootstrap

PATH=$PWD/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin
DEMO=$PWD/.cache/demo
BASE=$PWD/.cache/debian-minbase.tar
export STRATA_ROOT="$DEMO/state" DOCKER_CONFIG="$DEMO/docker" PATH
USER_NAME=demo
USER_PASSWORD=overstrata

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then BOLD=$(printf '\033[1m'); DIM=$(printf '\033[2m'); RESET=$(printf '\033[0m'); else BOLD= DIM= RESET=; fi
now() { date +%s%N; }
title() { printf '\n%s── %s%s\n' "$BOLD" "$*" "$RESET"; }
# The words as they could be typed, each after a blank.
quoted() {
  for word in "$@"; do
    case $word in
      '' | *[!A-Za-z0-9_./:=,@%+-]*) printf " '%s'" "$word" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
}
# Shows a command, runs it, and says how long it took.
show() {
  printf '%s$%s%s\n' "$BOLD" "$(quoted "$@")" "$RESET"
  began=$(now)
  "$@"
  printf '%s  (%d ms)%s\n' "$DIM" "$((($(now) - began) / 1000000))" "$RESET"
}

REGISTRY_PID=
finish() {
  status=$?
  trap - EXIT INT TERM
  if [ -n "$REGISTRY_PID" ] && { [ -z "$KEEP" ] || [ $status -ne 0 ]; }; then
    kill "$REGISTRY_PID" 2>/dev/null && wait "$REGISTRY_PID" 2>/dev/null || true
  fi
  [ $status -eq 0 ] || echo "demo: stopped with status $status; the state is in $DEMO" >&2
  exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -f "$DEMO/registry.pid" ]; then kill "$(cat "$DEMO/registry.pid")" 2>/dev/null || true; fi # one that --keep left
if [ -d "$STRATA_ROOT" ]; then strata rm --force --all >/dev/null 2>&1 || true; fi
rm -rf "$DEMO"
mkdir -p "$DEMO"

title '1. A root file system becomes an image'
if [ ! -f "$BASE" ]; then
  mirror=$(sed -n 's/^\(deb\|URIs:\) *\(\[[^]]*\] *\)\{0,1\}\(http[^ ]*\).*/\3/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v security | head -n 1)
  echo "debootstrap --variant=minbase bookworm (once; kept in $BASE)"
  rm -rf "$DEMO/rootfs"
  debootstrap --variant=minbase bookworm "$DEMO/rootfs" "${mirror:-http://deb.debian.org/debian}" >"$DEMO/debootstrap.log" 2>&1 ||
    { tail -n 20 "$DEMO/debootstrap.log" >&2; exit 1; }
  rm -rf "$DEMO/rootfs/var/cache/apt/archives/"*.deb "$DEMO/rootfs/var/lib/apt/lists/"*
  tar -C "$DEMO/rootfs" --numeric-owner --xattrs -cf "$BASE.new" . && mv "$BASE.new" "$BASE"
  rm -rf "$DEMO/rootfs"
fi
show strata import --change 'CMD ["/bin/bash"]' --message 'debootstrap --variant=minbase bookworm' "$BASE" debian:12
show strata images

title '2. A private registry: one command, with its own certificate'
printf '%s$ strata registry serve --listen 127.0.0.1:0 --tls auto …%s\n' "$BOLD" "$RESET"
strata registry user add --password-stdin "$DEMO/htpasswd" "$USER_NAME" <<EOF
$USER_PASSWORD
EOF
if [ -n "$KEEP" ]; then
  setsid nohup "$PWD/bin/strata" registry serve --folder "$DEMO/registry" --listen 127.0.0.1:0 --tls auto --htpasswd "$DEMO/htpasswd" --ready-file "$DEMO/registry.addr" >"$DEMO/registry.log" 2>&1 </dev/null &
else
  strata registry serve --folder "$DEMO/registry" --listen 127.0.0.1:0 --tls auto --htpasswd "$DEMO/htpasswd" --ready-file "$DEMO/registry.addr" >"$DEMO/registry.log" 2>&1 &
fi
REGISTRY_PID=$!
echo "$REGISTRY_PID" >"$DEMO/registry.pid"
tries=0
until [ -s "$DEMO/registry.addr" ]; do
  tries=$((tries + 1))
  if [ $tries -gt 100 ] || ! kill -0 "$REGISTRY_PID" 2>/dev/null; then echo 'demo: the registry did not start:' >&2; cat "$DEMO/registry.log" >&2; exit 1; fi
  sleep 0.1
done
HOST=$(cat "$DEMO/registry.addr")
cat "$DEMO/registry.log"

title "3. Its userland, the host's kernel"
show strata run --rm debian:12 sh -c '. /etc/os-release; echo "$PRETTY_NAME on kernel $(uname -r)"'
show strata run --name work --network none debian:12 sh -c 'echo "hello from a layer" > /etc/motd; mkdir -p /srv/www; echo "<h1>Overstrata</h1>" > /srv/www/index.html; rm /etc/issue.net'
show strata diff work
show strata commit -m 'a page and a greeting' -a 'The demo <demo@example.com>' work web:1
show strata run --rm web:1 cat /etc/motd
echo 'The base is stored once:'
show strata system df -v
show strata rm work

title "4. To the registry and back ($HOST)"
show strata registry trust --ca "$DEMO/registry/tls/ca.crt" "$HOST"
printf '%s$ strata login --username %s --password-stdin %s%s\n' "$BOLD" "$USER_NAME" "$HOST" "$RESET"
printf '%s' "$USER_PASSWORD" | strata login --username "$USER_NAME" --password-stdin "$HOST"
show strata tag debian:12 "$HOST/debian:12"
show strata tag web:1 "$HOST/web:1"
show strata push "$HOST/debian:12"
show strata push "$HOST/web:1"
show strata rmi --force debian:12 web:1 "$HOST/debian:12" "$HOST/web:1"
show strata images
show strata pull "$HOST/web:1"
show strata pull "$HOST/debian:12"
show strata run --rm "$HOST/web:1" cat /srv/www/index.html

title '5. To see it'
show strata history "$HOST/web:1"
show strata image inspect --format '{{json .RootFS}}' "$HOST/web:1"
show strata image layers "$HOST/web:1"
show strata fsck

title 'Done'
if [ -n "$KEEP" ]; then
  echo "The registry stays up: https://$HOST (user $USER_NAME, password $USER_PASSWORD, certificate authority $DEMO/registry/tls/ca.crt)"
  echo "Use it: STRATA_ROOT=$STRATA_ROOT DOCKER_CONFIG=$DOCKER_CONFIG bin/strata pull $HOST/web:1"
  echo "Stop it with: kill $REGISTRY_PID"
  REGISTRY_PID=
else
  echo 'Nothing is left running. Once more: npm run demo; with the registry left up: npm run demo -- --keep'
fi
