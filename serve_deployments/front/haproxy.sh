#!/bin/sh
# HAProxy as Ray Serve starts it (haproxy -db -f CONFIG …), after three changes to what Ray gives it:
# its statistics and metrics listen on loopback only, what has no application yet is told so, and
# it may open the public port while the starting page still holds it (no -dR).
set -e
sed -i -f "$AIR_HAPROXY_EDITS" "$3"
for argument in "$@"; do
  shift
  [ "$argument" = "-dR" ] || set -- "$@" "$argument"
done
exec "$AIR_HAPROXY_BINARY" "$@"
