"""The certificates that TLS connections to others are checked with: read once a process, for reading them takes long."""

import ssl
from functools import cache

import httpx2


@cache
def tls_context() -> ssl.SSLContext:
    """One for all clients of this process; the system's certificates, whatever the environment says."""
    return httpx2.create_ssl_context(trust_env=False)
