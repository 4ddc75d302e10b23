#!/bin/sh
# Has nginx read its files again, and ends once workers that have read them take all new connections: for `cellwall svid fetch --watch
# --on-renew`. `nginx -s reload` ends before that, and ends well even if nginx cannot use the files.
#
#   reload.sh [PID-FILE] [SECONDS]      default: /run/nginx.pid, 30
set -eu

pid=$(cat "${1:-/run/nginx.pid}")
seconds=${2:-30}
# A file that nginx left behind may name any process by now.
case $({ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null || true) in
  "nginx: master process"*) ;;
  *)
    echo "$pid is no nginx with workers" >&2
    exit 1
    ;;
esac

# Those that take connections; those that are about to end are called "shutting down".
workers() {
  for child in $(cat "/proc/$pid/task/$pid/children"); do
    name=$({ tr '\0' ' ' <"/proc/$child/cmdline"; } 2>/dev/null || true)
    case $name in
      *"shutting down"*) ;;
      "nginx: worker process"*) echo "$child" ;;
    esac
  done
}

before=" $(workers | tr '\n' ' ')"
kill -HUP "$pid"
tries=$((seconds * 10))
while [ "$tries" -gt 0 ]; do
  tries=$((tries - 1))
  sleep 0.1
  left=
  new=
  for worker in $(workers); do
    case $before in
      *" $worker "*) left=yes ;;
      *) new=yes ;;
    esac
  done
  if [ -n "$new" ] && [ -z "$left" ]; then exit 0; fi
done
echo "nginx ($pid) has not taken its files within $seconds s: its error log says why" >&2
exit 1
