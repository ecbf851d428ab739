# What AIR Studio changes in the configuration that Ray Serve writes for HAProxy. Names in braces are filled in by rules.py.

# Statistics and metrics listen on loopback, the public port at its own address.
s/bind \*:/bind 127.0.0.1:/
s/bind :\([0-9]\)/bind 127.0.0.1:\1/
/^frontend http_frontend/,/bind/s/bind .*:/bind {host}:/
# No log line per request: nobody reads them.
/^ *log /d
/^ *option \(httplog\|log-health-checks\)/d
/^global/a\    expose-experimental-directives
# Cut off a client that sends its header drop by drop; what HAProxy itself refuses reads like an error of the API.
/^defaults/a\    timeout http-request 15s\
    http-error status 400 content-type application/json lf-string '{unreadable}'\
    http-error status 408 content-type application/json lf-string '{slow}'\
    http-error status 500 content-type application/json lf-string '{failed}'
s/errorfile \(50[234]\) .*/http-error status \1 content-type application\/json lf-string '{gone}' hdr Retry-After 2/
# Retry a prediction on another replica when its replica dies. Models come and go, the other applications stay.
/^backend http-/{
/^backend http-\({others}\)$/!a\    option http-buffer-request\n    retry-on conn-failure empty-response
}
# A single client stays with one replica, whose caches are warm, instead of visiting each in turn.
s/^\( *\)server \(SERVE_REPLICA_[^ ]*\) .*/&\n\1use-server \2 if { be_conn le 1 }/
/^frontend http_frontend/,/bind/{
/bind/a\
    acl named req.hdr(host) -m found\
    http-request normalize-uri percent-decode-unreserved\
    http-request set-var-fmt(txn.gone) '{gone_error}'\
    http-request set-var-fmt(txn.gone) '{gone_protocol}' if { path_beg /api/v2 }\
    http-request return status 400 content-type application/json lf-string '{nameless}' if HTTP_1.1 !named
# No extra task per request that waits for the client to hang up, except where events are streamed.
/bind/a\    http-request set-header x-request-disconnect-disabled ?1 if { path_beg /api/ }
# A proxy that does not announce itself speaks HTTP/1.0: mark such a request as one that came through a proxy.
/bind/a\    http-request set-header via 1.0 if HTTP_1.0
}
# While an application starts: the starting page at /, an error of the API below /api.
/http-request return status 404 content-type text.plain lf-string "Path/{
i\    acl api path_beg /api
i\    http-request return status 503 content-type text/html file {page} hdr Retry-After 2 if { path / }
i\    acl v2 path_beg /api/v2
i\    http-request return status 503 content-type application/json lf-string '{protocol_json}' hdr Retry-After 2 if v2
i\    http-request return status 503 content-type application/json lf-string '{json}' hdr Retry-After 2 if api
}
