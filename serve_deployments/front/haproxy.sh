#!/bin/sh
# HAProxy as Ray Serve starts it (haproxy -db -f CONFIG …), after two changes to Ray's configuration:
# its statistics and metrics listen on loopback only, and what has no application yet is told so.
set -e
config="$3"
sed -i -f "$AIR_HAPROXY_EDITS" "$config"
exec "$AIR_HAPROXY_BINARY" "$@"
