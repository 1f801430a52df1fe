"""The error of client and server: gRPC's codes and the HTTP status of each."""

from __future__ import annotations

import re

HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""gRPC's code -> the HTTP status that TF Serving answers with."""


class ServingError(Exception):
    """A request that got no answer. code: gRPC's, a key of `HTTP_STATUS`."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message

    def of_rows_from(self, start: int) -> ServingError:
        """The error of a part of a request: a row that it names, `image_bytes[2]`, is
        counted from the first row of the request, of which the part begins at `start`.
        """

        def counted(found: re.Match) -> str:
            return f"{found[1]}[{int(found[2]) + start}]"

        message = re.sub(r"^(\w+)\[(\d+)\]", counted, self.message)
        return ServingError(self.code, message)


def invalid_argument(message: str) -> ServingError:
    """The error for a request that can never be answered."""
    return ServingError("INVALID_ARGUMENT", message)


def not_offered(method: str) -> str:
    """Why there is no classify and no regress."""
    return (
        f"{method} is not offered: a segmentation network answers for each pixel. Use "
        "predict."
    )


def from_http_status(status: int, message: str) -> ServingError:
    """The error that an HTTP status means; 413 (too large) is an invalid argument."""
    codes = {number: code for code, number in HTTP_STATUS.items()}
    fallback = "INVALID_ARGUMENT" if 400 <= status < 500 else "INTERNAL"
    return ServingError(codes.get(status, fallback), message)
