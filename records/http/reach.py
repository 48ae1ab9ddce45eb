"""How a host is reached: which certificates are trusted, and the one proxy that may be between.

Nothing of the environment has a say in it (`HTTPS_PROXY`, `SSLKEYLOGFILE`) but the login of the
proxy, which is a secret and so stands in no plan.
"""

import base64
import os
import ssl
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import certifi

from dress_rehearsal.records.errors import RecordError

PROXY_LOGIN: Final = "REHEARSE_PROXY_LOGIN"
"""Environment variable with `user:password` of the proxy."""
_PROXY_PORT: Final = 80


class UnreachableError(RecordError):
    """A CA file or a proxy that nothing can be reached with."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that is spoken to in plain HTTP."""

    host: str
    port: int
    login: str | None = field(default=None, repr=False)
    """The value of `Proxy-Authorization`."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How hosts are reached."""

    tls: ssl.SSLContext | None = None
    """What is trusted; None: what the system trusts."""
    proxy: Proxy | None = None
    """Who all is sent through; None: nobody."""


def reach_of(ca_file: str | None, proxy: str | None) -> Reach:
    """Return how hosts are reached by a plan's `ca_file` and `proxy`.

    Raises:
        UnreachableError: the file holds no certificates, or the proxy is no `http://host:port`.
    """
    tls = None if ca_file is None else trusting(ca_file)
    return Reach(tls, None if proxy is None else proxy_of(proxy))


def trusting(ca_file: str | None = None) -> ssl.SSLContext:
    """Return what the system and certifi trust, and the certificates of a PEM file besides.

    Raises:
        UnreachableError: the file cannot be read, or holds no certificates.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except ssl.SSLError as error:
            raise UnreachableError(
                "target.ca_file holds no certificates: give a file of certificates in PEM."
            ) from error
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or "that is no path"
            raise UnreachableError(
                f"target.ca_file cannot be read: {words}; give a file of certificates in PEM."
            ) from error
    return context


def proxy_of(url: str) -> Proxy:
    """Return the proxy at a URL, with the login that the environment has for it.

    Raises:
        UnreachableError: it is no `http://host:port`, or the login is no `user:password`.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme != "http" or "@" in parts.netloc:
        raise UnreachableError("target.proxy must be written as http://host:port.")
    return Proxy(host, port or _PROXY_PORT, _login(os.environ.get(PROXY_LOGIN)))


def _login(login: str | None) -> str | None:
    if not login:
        return None
    if ":" not in login or not login.isprintable():
        raise UnreachableError(f"{PROXY_LOGIN} must be user:password.")
    return "Basic " + base64.b64encode(login.encode()).decode()
