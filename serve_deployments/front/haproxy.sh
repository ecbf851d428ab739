#!/bin/sh
# HAProxy as Ray Serve starts it (haproxy -db -f CONFIG …), with three changes to what Ray passes:
# the edits of front/rules.py; no public port before it knows an application, so that whatever
# holds the port keeps answering; and it may share that port (no -dR).
set -e
sed -i -f "$AIR_HAPROXY_EDITS" "$3"
grep -q '^backend http-' "$3" || sed -i '/^frontend http_frontend/,/bind/{/bind/d}' "$3"
for argument in "$@"; do
  shift
  [ "$argument" = "-dR" ] || set -- "$@" "$argument"
done
exec "$AIR_HAPROXY_BINARY" "$@"
