"""How long a client waits, how often it tries again, and whom it trusts."""

from __future__ import annotations

from dataclasses import dataclass

from kerasseg.serve.errors import invalid_argument


@dataclass(frozen=True)
class Options:
    """How long a client waits, how often it tries again, and whom it trusts."""

    timeout: float = 10.0
    """Seconds for one try."""
    retries: int = 3
    """Further tries where the server is busy, stopping or not reached; at most 4."""
    backoff: float = 0.1
    """Seconds before the first further try; doubled for each one after, to 5."""
    limit: int = 64 * 10**6
    """Bytes of a request or an answer, at most."""
    ca: str = ""
    """PEM file of the authority that signed the server's certificate; empty: those of
    the system."""
    tls: bool = False
    """gRPC: speak TLS. REST does where the address begins with https."""

    def check_size(self, size: int) -> None:
        """Raises ServingError for a message of too many bytes."""
        if size > self.limit:
            raise invalid_argument(
                f"A message is larger than {self.limit} bytes (Options.limit). Ask for "
                "fewer outputs or pictures, or give a larger limit."
            )
