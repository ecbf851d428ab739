"""The changes to HAProxy's configuration: ``edits.sed`` and ``limits.sed`` with settings and sentences filled in."""

from __future__ import annotations

from pathlib import Path

from settings import Settings

HERE = Path(__file__).parent
# The applications that are not models: the API's changes are not repeated.
OTHERS = ("control", "ui")
STARTING_PAGE = HERE / "starting.html"
# The header in which the page learns the address of its visitor.
VISITOR = "x-air-visitor"

FILES_PER_REQUEST = 10
NO_LIMIT = 2**32 - 1
TOO_MANY = (
    'content-type application/json lf-string \'{"error":{"code":"too_many_requests","message":"{message}"},'
    '"request_id":"%[uuid]"}\''
)
# The same in the form of the Open Inference Protocol.
TOO_MANY_OF_PROTOCOL = 'content-type application/json lf-string \'{"error":"{message}","request_id":"%[uuid]"}\''
TOO_MANY_PREDICTIONS = "More than {predictions} predictions came from your address within a minute; wait half a minute."
TOO_MANY_REQUESTS = "More than {requests} requests came from your address within a minute; wait half a minute."
TOO_MANY_OPEN = "More than {open} requests from your address are open at once; wait until some have ended."
# In the API's form, or in that of the Open Inference Protocol; edits.sed chooses by the path.
GONE = '"The server process behind this route stopped and is restarting; try again."'
GONE_ERROR = f'{{"code":"unavailable","message":{GONE}}}'
GONE_JSON = '{"error":%[var(txn.gone)],"request_id":"%[uuid]"}'
STARTING = "This part of AIR Studio is starting; try again in a moment."
STARTING_JSON = f'{{"error":{{"code":"unavailable","message":"{STARTING}"}},"request_id":"%[uuid]"}}'
STARTING_PROTOCOL = f'{{"error":"{STARTING}","request_id":"%[uuid]"}}'
# What HAProxy refuses by itself: a code and a sentence.
OWN = '{"error":{"code":"CODE","message":"MESSAGE"},"request_id":"%[uuid]"}'
OWN_ERRORS = {
    "unreadable": ("bad_request", "The request is not valid HTTP, or its connection was closed in the middle of it."),
    "nameless": ("bad_request", "The request has no Host header; send the name that it is meant for."),
    "slow": ("request_timeout", "The request was not complete after 15 s."),
    "failed": ("internal", "Something went wrong on the server; try again."),
}


def script(settings: Settings) -> str:
    """The sed script that edits Ray's configuration."""
    # The limits first: HAProxy warns of rules for connections that come after rules for requests.
    return _limits(settings) + _edits(settings)


def _edits(settings: Settings) -> str:
    values = {
        "page": str(STARTING_PAGE),
        "json": STARTING_JSON,
        "gone": GONE_JSON,
        "gone_error": GONE_ERROR,
        "gone_protocol": GONE,
        "others": r"\|".join(OTHERS),
        "host": settings.air_host,
        "protocol_json": STARTING_PROTOCOL,
    }
    for name, (code, message) in OWN_ERRORS.items():
        values[name] = OWN.replace("CODE", code).replace("MESSAGE", message)
    return _filled_in("edits.sed", values)


def _limits(settings: Settings) -> str:
    if settings.air_mode == "local":
        return ""
    sentences = {"predictions": TOO_MANY_PREDICTIONS, "requests": TOO_MANY_REQUESTS, "open": TOO_MANY_OPEN}
    replies = {f"{name}_protocol": TOO_MANY_OF_PROTOCOL.replace("{message}", text) for name, text in sentences.items()}
    replies |= {f"{name}_json": TOO_MANY.replace("{message}", text) for name, text in sentences.items()}
    values = {
        "predictions": settings.air_predictions_per_minute or NO_LIMIT,
        "requests": settings.air_requests_per_minute or NO_LIMIT,
        "open": settings.air_open_requests or NO_LIMIT,
        "files": FILES_PER_REQUEST * settings.air_open_requests or NO_LIMIT,
        "visitor": VISITOR,
        "trusted": settings.air_trusted_proxies.replace(",", " "),
    }
    # The replies first: their sentences have the numbers in them.
    return _filled_in("limits.sed", {**replies, **{name: str(value) for name, value in values.items()}})


def _filled_in(name: str, values: dict[str, str]) -> str:
    text = (HERE / name).read_text()
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text
