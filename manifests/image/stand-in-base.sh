#!/usr/bin/env bash
# stand-in-base.sh IMAGE
# For machines that reach no image registry: makes an image like node:VERSION-SUITE-slim out of Debian's packages and those
# of npm, under the name IMAGE (node:24.21.0-trixie-slim). Needs root, buildah, debootstrap, npm; takes two minutes, and
# keeps the files in ~/.cache/duoloop/image.
set -euo pipefail

image=${1:?name the image, like node:24.21.0-trixie-slim}
[[ "$image" =~ ^(localhost/)?[a-z]+:([0-9]+\.[0-9]+\.[0-9]+)-([a-z]+)-slim$ ]] || { echo "error: $image is not NAME:VERSION-SUITE-slim" >&2; exit 2; }
version=${BASH_REMATCH[2]}
suite=${BASH_REMATCH[3]}
npm_version=11.19.1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/duoloop/image
files=$cache/node-$version-npm-$npm_version-$suite.tar

if [[ ! -e "$files" ]]; then
  mkdir -p "$cache"
  building=$(mktemp -d "$cache/.building-XXXXXX")
  trap 'rm -rf "$building"' EXIT
  debootstrap --variant=minbase "$suite" "$building/root" >&2
  rm -rf "$building"/root/var/cache/apt/* "$building"/root/var/lib/apt/lists/*
  platform=linux-$(uname -m | sed -e s/x86_64/x64/ -e s/aarch64/arm64/)
  (cd "$building" && npm pack --silent "node-$platform@$version" "npm@$npm_version" >&2)
  modules=$building/root/usr/local/lib/node_modules
  mkdir -p "$modules/npm" "$building/node"
  tar --extract --gzip --file "$building/node-$platform-$version.tgz" --directory "$building/node"
  cp "$building/node/package/bin/node" "$building/root/usr/local/bin/node"
  cp "$building/node/package/LICENSE" "$building/root/usr/local/LICENSE"
  tar --extract --gzip --file "$building/npm-$npm_version.tgz" --directory "$modules/npm" --strip-components=1
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$building/root/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$building/root/usr/local/bin/npx"
  chmod +x "$modules"/npm/bin/*.js
  tar --create --file "$building/root.tar" --directory "$building/root" --exclude='./dev/*' .
  mv "$building/root.tar" "$files"
fi

container=$(buildah from scratch)
buildah add --quiet "$container" "$files" / >/dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd node "$container"
buildah commit --quiet --rm "$container" "$image"
