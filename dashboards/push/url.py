"""The address of a Grafana: read from the URL the user names, and refused where it is unsafe."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from dress_rehearsal.dashboards.errors import PushRefusedError
from dress_rehearsal.plans.hosts import is_loopback


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a Grafana answers.

    Attributes:
        host: as a URL writes it, an IPv6 address in brackets.
        prefix: path it is served below, `grafana/`, or nothing.
    """

    protocol: str
    host: str
    port: int | None
    prefix: str

    @property
    def url(self) -> str:
        """The URL without a slash at its end."""
        port = "" if self.port is None else f":{self.port}"
        return f"{self.protocol}://{self.host}{port}/{self.prefix}".rstrip("/")

    @property
    def on_this_machine(self) -> bool:
        """Whether it is a loopback address."""
        return is_loopback(self.host.strip("[]"))


def server_address(url: str, *, allow_http: bool = False) -> ServerAddress:
    """Read the URL of a Grafana.

    The token goes along with every request, so plain http is for this machine only, unless
    `allow_http` says that the network in between is trusted.

    Raises:
        PushRefusedError: it is no http(s) URL, carries a password, or the token would go over the
            network for everybody to read.
    """
    example = "write it like https://grafana.example.org or http://127.0.0.1:3000."
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:  # which quotes what it was given
        raise PushRefusedError(f"--url is not a URL: {example}") from None
    if parts.username is not None or parts.password is not None:
        raise PushRefusedError(
            "--url must not carry a user name or password: take them out; the token comes from "
            "the environment."
        )
    if parts.scheme not in ("http", "https") or not host:
        raise PushRefusedError(f"--url is not an http or https URL with a host: {example}")
    if parts.query or parts.fragment:
        raise PushRefusedError(
            "--url goes on after the path: give the address of Grafana's start page, "
            "without what follows ? or #."
        )
    if not host.isascii() or not host.isprintable() or " " in host:
        raise PushRefusedError(f"--url has a host that cannot be looked up: {example}")
    address = ServerAddress(
        protocol=parts.scheme,
        host=f"[{host}]" if ":" in host else host,
        port=port,
        prefix=f"{path}/" if (path := parts.path.strip("/")) else "",
    )
    if address.protocol == "http" and not address.on_this_machine and not allow_http:
        raise PushRefusedError(
            f"The token would go to {host} unencrypted, for everybody on the way to read: use an "
            f"https URL, or give --allow-http if you trust that network."
        )
    return address
