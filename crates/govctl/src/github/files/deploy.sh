#!/usr/bin/env bash
# Brings the commit DEPLOY_SHA to the host, and checks out exactly that one there.
#
#   govctl deploy HEAD -- ./deploy.sh
#
# DEPLOY_SHA         the full commit id; govctl and the workflow "Deploy" set it
# DEPLOY_HOST        where to: host, or user@host
# DEPLOY_PATH        the clone over there
# DEPLOY_PORT        the port, if it is not 22
# DEPLOY_SSH_CONFIG  a file with settings for ssh, if it needs others than yours
#
# An executable `after-deploy` in the commit is run over there, in the clone, with DEPLOY_SHA set.
set -euo pipefail

die() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit 2
}

sha=${DEPLOY_SHA:-}
host=${DEPLOY_HOST:-}
path=${DEPLOY_PATH:-}
[[ $sha =~ ^([0-9a-f]{40}|[0-9a-f]{64})$ ]] || die 'DEPLOY_SHA is not a full commit id'
[[ $host =~ ^[A-Za-z0-9_][A-Za-z0-9._@:-]*$ ]] || die 'DEPLOY_HOST is not a host'
[[ -n $path ]] || die 'DEPLOY_PATH is not set'

# The words after the host are put together and read by a shell over there, so each is quoted for it.
quoted() {
  printf "'%s'" "${1//\'/\'\\\'\'}"
}

options=(-o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15)
[[ -z ${DEPLOY_PORT:-} ]] || options+=(-p "$DEPLOY_PORT")
[[ -z ${DEPLOY_SSH_CONFIG:-} ]] || options+=(-F "$DEPLOY_SSH_CONFIG")

ssh "${options[@]}" -- "$host" \
  "DEPLOY_SHA=$(quoted "$sha") DEPLOY_PATH=$(quoted "$path") exec bash -s" << 'REMOTE'
set -euo pipefail
# All of it is read before any of it runs: what it starts must not read the rest of it.
main() {
  cd -- "$DEPLOY_PATH"
  export DEPLOY_SHA GIT_TERMINAL_PROMPT=0
  git fetch --quiet --prune origin
  if ! git cat-file -e "$DEPLOY_SHA^{commit}" 2> /dev/null; then
    git fetch --quiet origin "$DEPLOY_SHA"
  fi
  git checkout --quiet --force --detach "$DEPLOY_SHA"
  [[ $(git rev-parse HEAD) == "$DEPLOY_SHA" ]]
  if [[ -x after-deploy ]]; then
    ./after-deploy
  fi
  printf 'deployed %s\n' "$DEPLOY_SHA"
}
main
REMOTE
