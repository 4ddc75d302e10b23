#!/bin/bash
# A driver of GitLab Runner's custom executor: each job runs as a user of its own, and finds at SPIFFE_ENDPOINT_SOCKET its own identity.
# Beside it: cellwall runner serve --job-users 200000-200999 … (docs/runners.md). test/system/gitlab-runner.test.ts runs it.
#
# Who a job is comes from JOB_RESPONSE_FILE alone, through `cellwall runner open`: every CUSTOM_ENV_… may be the project's own words.
set -euo pipefail
builds="${BUILDS:-/srv/gitlab-runner/builds}"
user="${CELLWALL_JOB_USER:-}"
mine="$builds/${CELLWALL_JOB_ID:-}"

# Nothing of this environment, no rights that the user has not, and no way to get any (setuid).
as_job() {
  setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
    env -i HOME="$mine" TMPDIR="$mine" PATH="${JOB_PATH:-/usr/local/bin:/usr/bin:/bin}" ${CELLWALL_JOB_SOCKET:+SPIFFE_ENDPOINT_SOCKET="$CELLWALL_JOB_SOCKET"} "$@"
}

# Both are of `cellwall runner open`.
is_known() {
  [[ "$user" =~ ^[1-9][0-9]{0,9}$ && "${CELLWALL_JOB_ID:-}" =~ ^[1-9][0-9]{0,18}$ ]]
}

case "$1" in
config)
  # Before anything of the job runs. What it prints is for GitLab Runner.
  cellwall runner open --builds-dir "$builds" -o json || exit "${SYSTEM_FAILURE_EXIT_CODE:-2}"
  ;;
prepare)
  is_known
  mkdir -p -m 0711 "$builds"
  # A folder that is there already is somebody else's.
  mkdir -m 0700 "$mine"
  chown "$user:$user" "$mine"
  ;;
run)
  is_known
  cd "$mine"
  # Only root can read the script: it comes in by standard input.
  as_job bash < "$2" || exit "${BUILD_FAILURE_EXIT_CODE:-1}"
  ;;
cleanup)
  cellwall runner close --keep-user >&2 || echo "the identity of this job ends by itself" >&2
  if is_known; then
    export -f as_job
    export user mine
    # What it left running goes: all at once, with its own rights, and what hinders that, with root's.
    for _ in 1 2 3 4 5; do
      timeout --signal=KILL 10 bash -c 'as_job bash -c "kill -KILL -1"' || true
      pkill -KILL -U "$user" || break
    done
    # What was killed is gone a moment later, on a busy machine.
    for _ in {1..100}; do
      pkill -KILL -U "$user" || break
      sleep 0.1
    done
    # What it wrote (rm follows no links). What does not go is root's from now on, so that the next job of this user does not find it.
    chown root:root "$mine" && chmod 0700 "$mine" || true
    timeout --signal=KILL 120 rm -rf --one-file-system -- "$mine" || true
  fi
  # Only now may another job have this user: and it is not given to one as long as a process runs under it.
  cellwall runner close >&2 || true
  ;;
esac
