#!/bin/sh
# Build the image without a daemon, as root, and leave it as localhost/catena-ops-mcp. Where the registry of the base
# image cannot be reached, a base of Debian's own packages stands in for it.
set -eu
cd "$(dirname "$0")/.."
export BUILDAH_ISOLATION="${BUILDAH_ISOLATION:-chroot}" STORAGE_DRIVER="${STORAGE_DRIVER:-vfs}"
BASE=docker.io/library/python:3.13-slim
if ! timeout 30 buildah pull -q "$BASE" >/dev/null 2>&1; then
  BASE=localhost/python:stand-in
  if ! buildah images -q "$BASE" >/dev/null 2>&1; then
    command -v mmdebstrap >/dev/null || { echo "image   skipped: no base image can be pulled, and mmdebstrap is not here"; exit 0; }
    folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
    mmdebstrap -q --variant=minbase --include=python3,python3-venv,ca-certificates "$(. /etc/os-release; echo "$VERSION_CODENAME")" "$folder/base.tar"
    container=$(buildah from scratch)
    buildah add -q "$container" "$folder/base.tar" / >/dev/null && buildah commit -q "$container" "$BASE" >/dev/null && buildah rm "$container" >/dev/null
  fi
fi
# How this machine reaches its package index goes in for the build alone; nothing of it stays in the image.
set --
named=$(python3 -m pip config list 2>/dev/null | grep -oE "/[^' ]+" | sed 's#^/*#/#' | grep -v ^/etc/ | sort -u || true)
for path in /etc/ssl/certs /etc/pip.conf /etc/xdg/pip $named; do
  [ -e "$path" ] && set -- "$@" --volume "$path:$path:ro"
done
buildah bud -q --format docker --layers=false --build-arg BASE="$BASE" --ignorefile packaging/Dockerfile.dockerignore "$@" \
  -f packaging/Dockerfile -t localhost/catena-ops-mcp . >/dev/null
echo "image   localhost/catena-ops-mcp on $BASE, $(buildah images --format '{{.Size}}' localhost/catena-ops-mcp)"
