"""Errors of serving, by gRPC's names, with the HTTP status TF Serving gives them."""

from __future__ import annotations

HTTP = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class ServingError(Exception):
    """A request that got no answer. code: a name of `HTTP`, as gRPC calls it."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def of_http(status: int, message: str) -> ServingError:
    """What an HTTP status means; 413 (too large) is an invalid argument."""
    codes = {number: code for code, number in HTTP.items()}
    fallback = "INVALID_ARGUMENT" if 400 <= status < 500 else "INTERNAL"
    return ServingError(codes.get(status, fallback), message)
