#!/usr/bin/env bash
# check.sh IMAGE
# Runs the image duoloop or duoloop-training as the manifests do: as its own user, without rights, with a root that cannot be written to, as
# process 1. Needs docker or podman, or root and buildah, in which case a chroot in namespaces of its own stands for a container.
#   IMAGE_BUILDER      docker, podman or buildah, instead of the first that is there
set -euo pipefail

image=${1:?name the image, like duoloop:0.1.0}
for builder in ${IMAGE_BUILDER:-buildah podman docker}; do
  if command -v "$builder" >/dev/null; then break; fi
  builder=
done
work=$(mktemp -d)
pid=
cleanup() {
  if [[ -n "$pid" ]]; then kill -KILL "$pid" 2>/dev/null || true; fi
  if [[ -n "${container:-}" ]]; then buildah rm "$container" >/dev/null; fi
  rm -rf "$work"
}
trap cleanup EXIT
fail() {
  cat "$work/log" >&2 || true
  echo "error: $1" >&2
  exit 1
}
mkdir -m 1777 "$work/tmp"
# Nobody answers there, which is no reason for an agent not to start.
cat >"$work/tmp/kubeconfig" <<'YAML'
{apiVersion: v1, kind: Config, current-context: none, clusters: [{name: none, cluster: {server: 'http://127.0.0.1:1'}}],
 contexts: [{name: none, context: {cluster: none, user: none}}], users: [{name: none, user: {}}]}
YAML

case $builder in
  buildah)
    container=$(buildah from "$image")
    root=$(buildah mount "$container")
    # shellcheck disable=SC2016 # expanded by the inner shell
    run=(unshare --mount --pid --fork --kill-child sh -ec '
      root=$1 tmp=$2; shift 2
      mount --bind "$root" "$root"
      mount --bind "$tmp" "$root/tmp"
      mount --bind /dev "$root/dev"
      mount --types proc proc "$root/proc"
      mount --options remount,ro,bind "$root"
      exec env -i PATH=/usr/local/bin XDG_CACHE_HOME=/opt/cache KUBECONFIG=/tmp/kubeconfig \
        "$(command -v setpriv)" --no-new-privs "$(command -v chroot)" --userspec=65532:65532 "$root" "$@"' \
      sh "$root" "$work/tmp" duoloop)
    ;;
  *)
    run=("$builder" run --rm --read-only --cap-drop=ALL --security-opt=no-new-privileges --network=host
      --volume "$work/tmp:/tmp" --env KUBECONFIG=/tmp/kubeconfig "$image")
    ;;
esac

version=$("${run[@]}" --version)
echo "duoloop --version: $version"
if [[ "$image" == *duoloop-training* ]]; then
  "${run[@]}" train --app frontend --steps 20000 --out /tmp/run 2>"$work/log" || fail 'duoloop train failed'
  [[ -s "$work/tmp/run/weights.bin" ]] || fail 'duoloop train wrote no checkpoint'
  echo "duoloop train: wrote a checkpoint, $(grep --only-matching 'tensor backend: .*' "$work/log")"
  exit
fi

"${run[@]}" operator --help >"$work/help"
grep --quiet -- --watch-namespace "$work/help" || fail 'operator --help does not tell of --watch-namespace'
echo 'duoloop operator --help: ok'
status=0
"${run[@]}" train 2>"$work/log" || status=$?
[[ "$status" -eq 2 ]] || fail "a verb that is not in the image ended with $status"
grep --quiet duoloop-training "$work/log" || fail 'a verb that is not in the image does not say where it is'
echo 'a verb that is not in the image: exit code 2, and says where it is'

"${run[@]}" agent --prometheus http://127.0.0.1:1 --bind 127.0.0.1 --port 18082 2>"$work/log" &
pid=$!
healthy=
for _ in $(seq 100); do
  if curl --silent --fail --output /dev/null http://127.0.0.1:18082/healthz; then healthy=yes && break; fi
  sleep 0.1
done
[[ -n "$healthy" ]] || fail 'the agent does not answer on /healthz'
echo 'duoloop agent: answers on /healthz'
# A container's client passes the signal on; unshare does not.
kill -TERM "$(pgrep --parent "$pid" || echo "$pid")"
status=0
wait "$pid" || status=$?
pid=
[[ "$status" -eq 0 ]] || fail "the agent ended with $status on SIGTERM"
echo 'duoloop agent as process 1: ends on SIGTERM with 0'
