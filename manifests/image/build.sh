#!/usr/bin/env bash
# build.sh TARGET [OPTION…]
# Builds TARGET of the Containerfile (duoloop, duoloop-training, or a bill of materials) with buildah or podman, neither of which
# needs a daemon, tags it TARGET:VERSION, and says what each layer weighs compressed. Options go to the builder.
#   IMAGE_PREFIX       put before the tag: a registry and a path of your own, ending in a slash
#   IMAGE_BUILDER      buildah or podman, instead of the first that is there
#   SOURCE_DATE_EPOCH  what files are dated with, instead of the commit's time: the same commit gives the same image
set -euo pipefail

target=${1:?name the target: duoloop, duoloop-training, sbom or training-sbom}
shift
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$repository"
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
tag=${IMAGE_PREFIX:-}$target:$version
for builder in ${IMAGE_BUILDER:-buildah podman}; do
  if command -v "$builder" >/dev/null; then break; fi
  builder=
done
[[ -n "$builder" ]] || { echo 'error: neither buildah nor podman is installed' >&2; exit 2; }

arguments=(--file Containerfile --target "$target" --layers --timestamp "$epoch")
arguments+=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "SOURCE_DATE_EPOCH=$epoch")
if [[ " $* " == *' --output '* ]]; then
  exec "$builder" build "${arguments[@]}" "$@" .
fi
"$builder" build "${arguments[@]}" --tag "$tag" "$@" .
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$builder" push --quiet --format oci "$tag" "oci:$work/image:$version"
node manifests/image/sizes.mjs "$work/image"
