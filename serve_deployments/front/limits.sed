# AIR_MODE=public: how often a client may send requests and predictions, and how many it may hold open.
# Names in braces are filled in by rules.py.

# Connections of clients that come without a proxy are counted apart from requests.
/^frontend http_frontend/i\
backend held\
    stick-table type ipv6 size 100k expire 2m store conn_cur
/^frontend http_frontend/,/bind/{
/bind/a\
    stick-table type ipv6 size 100k expire 2m store http_req_rate(60s),gpc0_rate(60s),conn_cur\
    acl near src 127.0.0.0/8 ::1\
    acl trusted src 127.0.0.0/8 ::1 {trusted}\
    acl from_v4 src ::ffff:0:0/96\
    tcp-request connection track-sc1 src table held if !trusted from_v4\
    tcp-request connection track-sc1 src,ipmask(32,64) table held if !trusted !from_v4\
    tcp-request connection reject if { sc_conn_cur(1) gt {files} }\
    acl predicts path,url_dec -m end /predict /compare /infer\
    acl file path_beg /assets/ /static/\
    acl passed_on req.hdr(x-forwarded-for) -m found
# The client is the visitor whom a trusted proxy, or the page, names. {visitor} reaches the page, which cannot see it.
/bind/a\
    http-request set-var(txn.client) src\
    http-request set-var(txn.client) req.hdr_ip(x-forwarded-for,-1) if trusted passed_on\
    http-request set-header {visitor} %[var(txn.client)]
# A client is an IPv4 address, or a /64 of IPv6, which is what one person has.
/bind/a\
    acl by_v4 var(txn.client) -m ip ::ffff:0:0/96\
    http-request set-var(txn.client) var(txn.client),ipmask(32,64) if !by_v4
# The page's own files are counted apart: through a proxy that speaks HTTP/2, a browser fetches a hundred at once.
# Requests from this machine itself are not counted.
/bind/a\
    http-request track-sc2 var(txn.client) table held if file !near or file passed_on\
    http-request track-sc0 var(txn.client) if !file !near or !file passed_on\
    http-request sc-inc-gpc0(0) if predicts\
    acl v2 path_beg /api/v2\
    acl predicts_too_often sc_gpc0_rate(0) gt {predictions}\
    http-request return status 429 {predictions_protocol} hdr Retry-After 30 if predicts predicts_too_often v2\
    http-request return status 429 {predictions_json} hdr Retry-After 30 if predicts predicts_too_often\
    acl asks_too_often sc_http_req_rate(0) gt {requests}\
    http-request return status 429 {requests_protocol} hdr Retry-After 30 if asks_too_often v2\
    http-request return status 429 {requests_json} hdr Retry-After 30 if asks_too_often\
    acl holds_too_much sc_conn_cur(0) gt {open}\
    acl holds_too_many_files sc_conn_cur(2) gt {files}\
    http-request return status 429 {open_protocol} hdr Retry-After 5 if holds_too_much v2\
    http-request return status 429 {open_json} hdr Retry-After 5 if holds_too_much or holds_too_many_files
}
