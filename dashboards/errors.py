"""What can go wrong with the dashboards: making them, asking for their data, pushing them.

DashboardsError
├── VariableUnknownError        a query has a variable that nobody can fill in
├── PrometheusError
│   ├── PrometheusSilentError   it cannot be reached, or gives no answer in time
│   └── PrometheusRefusedError  it will not answer this query, or answers something else
└── PushError
    ├── PushRefusedError        it was not begun: the URL, the token or an option forbids it
    ├── ServerUnreachableError  no connection: refused, no such host, a proxy in between
    │   ├── TlsFailedError      the certificate is not trusted, or the server does not speak TLS
    │   └── NoAnswerError       connected, then nothing in time, or the connection broke
    ├── NotGrafanaError         something else answers at that URL
    ├── VersionTooOldError      a Grafana before 10
    ├── TokenRefusedError       401
    ├── PermissionMissingError  403
    ├── MissingError            404, or a data source that should be there
    ├── ConflictError           409 and 412: somebody else's folder, title or change
    ├── RequestRefusedError     any other 4xx
    ├── ServerFailedError       5xx, or a success whose body is no answer
    └── PushInterruptedError    Ctrl-C

A push's message holds what failed, what was done before it and what was not; it never holds the
token.
"""

from typing import ClassVar


class DashboardsError(Exception):
    """Dashboards cannot be made, asked or pushed; the message says why and what to do."""


class VariableUnknownError(DashboardsError):
    """An expression has a variable that nobody can fill in."""


class PrometheusError(DashboardsError):
    """Prometheus did not say what was asked."""


class PrometheusSilentError(PrometheusError):
    """It cannot be reached, or gives no answer in time."""


class PrometheusRefusedError(PrometheusError):
    """It refuses the query, or what answers is no Prometheus."""


class PushError(DashboardsError):
    """Grafana does not hold what was to be pushed, or not all of it."""

    undecided: ClassVar[bool] = False
    """Whether a write that ended so may have taken effect nevertheless."""


class PushRefusedError(PushError):
    """Nothing was sent: the URL, the token or an option forbids it."""


class ServerUnreachableError(PushError):
    """No connection to the server."""


class TlsFailedError(ServerUnreachableError):
    """There is a server, but no trusted TLS connection to it."""


class NoAnswerError(ServerUnreachableError):
    """The connection stood, but no answer came in time, or it broke off."""

    undecided = True


class NotGrafanaError(PushError):
    """What answers at the URL is no Grafana."""


class VersionTooOldError(PushError):
    """A Grafana that lacks routes this project uses."""


class TokenRefusedError(PushError):
    """Grafana does not accept the token (401)."""


class PermissionMissingError(PushError):
    """The token may not do what was asked (403)."""


class MissingError(PushError):
    """Something that should be there is not (404)."""


class ConflictError(PushError):
    """What is there already forbids it (409, 412)."""


class RequestRefusedError(PushError):
    """Grafana refused a request for another reason (4xx)."""


class ServerFailedError(PushError):
    """Grafana failed (5xx), or said that all went well without saying what."""

    undecided = True


class PushInterruptedError(PushError):
    """The user stopped it."""

    undecided = True
