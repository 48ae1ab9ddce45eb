"""What can go wrong with the dashboards.

DashboardsError
└── PushError
    ├── PushRefused         it was not begun: the URL, the token or an option forbids it
    ├── ServerUnreachable   no connection: refused, no such host, a proxy in between
    │   ├── TlsFailed       the certificate is not trusted, or the server does not speak TLS
    │   └── NoAnswer        connected, then nothing in time, or the connection broke
    ├── NotGrafana          something else answers at that URL
    ├── VersionTooOld       a Grafana before 10
    ├── TokenRefused        401
    ├── PermissionMissing   403
    ├── Missing             404, or a data source that should be there
    ├── Conflict            409 and 412: somebody else's folder, title or change
    ├── RequestRefused      any other 4xx
    ├── ServerFailed        5xx, or a success whose body is no answer
    └── PushInterrupted     Ctrl-C

A message holds what failed, what was done before it and what was not; it never holds the token.
"""

from typing import ClassVar


class DashboardsError(Exception):
    """Dashboards cannot be made or pushed; the message says why and what to do."""


class PushError(DashboardsError):
    """Grafana does not hold what was to be pushed, or not all of it."""

    undecided: ClassVar[bool] = False
    """Whether a write that ended so may have taken effect nevertheless."""


class PushRefused(PushError):
    """Nothing was sent: the URL, the token or an option forbids it."""


class ServerUnreachable(PushError):
    """No connection to the server."""


class TlsFailed(ServerUnreachable):
    """There is a server, but no trusted TLS connection to it."""


class NoAnswer(ServerUnreachable):
    """The connection stood, but no answer came in time, or it broke off."""

    undecided = True


class NotGrafana(PushError):
    """What answers at the URL is no Grafana."""


class VersionTooOld(PushError):
    """A Grafana that lacks routes this project uses."""


class TokenRefused(PushError):
    """Grafana does not accept the token (401)."""


class PermissionMissing(PushError):
    """The token may not do what was asked (403)."""


class Missing(PushError):
    """Something that should be there is not (404)."""


class Conflict(PushError):
    """What is there already forbids it (409, 412)."""


class RequestRefused(PushError):
    """Grafana refused a request for another reason (4xx)."""


class ServerFailed(PushError):
    """Grafana failed (5xx), or said that all went well without saying what."""

    undecided = True


class PushInterrupted(PushError):
    """The user stopped it."""

    undecided = True
