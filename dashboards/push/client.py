"""Speaks to a Grafana: the one module that knows the `grafana_api` package and its quirks.

Of the package (1.0.3) only the raw `.api` is used: its helpers ask for numeric ids and for routes
that Grafana no longer has. The raw call sends no health check without a
token, takes an empty body for a failure, trips over error bodies that are no objects and follows
redirects; so what the server really answered is caught on its way and judged here. How long an
answer may take and how large it may be is the transport's affair.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace

from dress_rehearsal.dashboards import errors
from dress_rehearsal.dashboards.push.transport import Transport
from dress_rehearsal.dashboards.push.url import ServerAddress
from dress_rehearsal.records.http import NoAnswerError, json_of

TOKEN_VARIABLE: Final = "REHEARSE_GRAFANA_TOKEN"  # noqa: S105 - its name, not the token
_MOST_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What Grafana answered.

    Attributes:
        document: the JSON body; None when it was empty.
        words: Grafana's own message, fit for a terminal.
    """

    status: int
    document: Any
    words: str

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return 200 <= self.status < 300

    @property
    def said(self) -> str:
        """Grafana's own words, if it had any, to end a message with."""
        return f" Grafana says: {self.words}" if self.words else ""

    @property
    def table(self) -> Mapping[str, Any]:
        """The body as an object; empty where there is none."""
        return self.document if isinstance(self.document, dict) else {}


class Grafana:
    """One Grafana and one token; no message it raises holds the token.

    Args:
        timeout_s: how long any answer may take, from the first packet to the last.
        ca_file: certificates to trust besides those of the system.
    """

    def __init__(
        self,
        address: ServerAddress,
        token: str,
        *,
        timeout_s: float = 30.0,
        ca_file: Path | None = None,
    ) -> None:
        self.url = address.url
        self.writing = False
        """Whether the last request was to change something."""
        self._token = token
        self._response: requests.Response | None = None
        self._api = GrafanaFace(
            token,
            host=address.host,
            port=address.port,
            url_path_prefix=address.prefix,
            protocol=address.protocol,
        ).api
        session: requests.Session = self._api.s
        session.max_redirects = 0  # the token goes where the user said, nowhere else
        session.trust_env = False  # no .netrc
        try:
            transport = Transport(timeout_s, ca_file)
        except OSError:
            raise errors.PushRefusedError(
                f"--ca-file {ca_file} holds no certificates that can be read: give one with "
                f"certificates (PEM)."
            ) from None
        for scheme in ("http://", "https://"):
            session.mount(scheme, transport)
        session.hooks["response"].append(self._keep)

    def health(self) -> Answer:
        """Ask who is there, without showing the token: `GET /api/health`.

        https://grafana.com/docs/grafana/v13.0/developer-resources/api-reference/http-api/api-legacy/other/

        Raises:
            PushError: nothing there, or no Grafana.
        """
        path = "/health"
        self._response = None
        self.writing = False
        try:
            self._api.s.get(f"{self._api.url}{path}", auth=_nobody)
        except (NoAnswerError, requests.RequestException) as error:
            raise self._no_answer("GET", path, error) from None
        answer = self._answer("GET", path, unusable=errors.NotGrafanaError)
        if "database" not in answer.table:
            raise errors.NotGrafanaError(
                f"{self.url} is no Grafana: GET /api/health answered {answer.status} without a "
                f"word on its database. Give the URL of Grafana's start page, with its path if "
                f"it has one."
            )
        return answer

    def call(
        self,
        method: str,
        path: str,
        *,
        needs: str,
        body: Mapping[str, Any] | None = None,
        handled: Collection[int] = (),
    ) -> Answer:
        """Send one request and return its answer.

        Args:
            path: below `/api`.
            needs: the permission it takes, named when it is missing.
            handled: error statuses that the caller deals with; they are returned, not raised.

        Raises:
            PushError: there was no answer, or one with another error status.
        """
        self._response = None
        self.writing = method != "GET"
        try:
            getattr(self._api, method.lower())(path, json=body)
        except (GrafanaException, ValueError, TypeError, RecursionError) as error:
            if self._response is None:
                raise self._no_answer(method, path, error) from None
        except (NoAnswerError, requests.RequestException) as error:
            raise self._no_answer(method, path, error) from None
        answer = self._answer(method, path, unusable=errors.ServerFailedError)
        if answer.ok or answer.status in handled:
            return answer
        raise self._refusal(method, path, needs, answer)

    def _keep(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._response = response

    def _answer(self, method: str, path: str, unusable: type[errors.PushError]) -> Answer:
        assert self._response is not None
        status, content = self._response.status_code, self._response.content
        if 300 <= status < 400:
            raise self._no_answer(method, path, requests.TooManyRedirects())
        document, readable = None, True
        if content.strip():
            try:
                document = json_of(content)
            except ValueError:
                readable = False
        words = document.get("message") if isinstance(document, dict) else None
        answer = Answer(status, document, self._shown(words if isinstance(words, str) else ""))
        if not answer.ok and unusable is not errors.NotGrafanaError:
            return answer
        if not readable or (document is None and method == "GET"):
            what = "nothing" if document is None and readable else "something that is not JSON"
            raise unusable(
                f"{self.url} answered {method} /api{path} with status {status} and {what}, which "
                f"Grafana does not do: is it behind a proxy with a login page, or is the path of "
                f"the URL wrong?"
            )
        return answer

    def _refusal(self, method: str, path: str, needs: str, answer: Answer) -> errors.PushError:
        asked = f"{method} /api{path}"
        match answer.status:
            case 401:
                return errors.TokenRefusedError(
                    f"Grafana at {self.url} does not accept the token (401): put a "
                    f"service-account token of that server into {TOKEN_VARIABLE}; this one may "
                    f"be mistyped, expired, revoked or another server's."
                )
            case 403:
                return errors.PermissionMissingError(
                    f"The token may not do {asked} (403): its service account needs the "
                    f"permission {needs}.{answer.said}"
                )
            case 404:
                return errors.MissingError(
                    f"Grafana at {self.url} answered 404 to {asked}: what it names is not there, "
                    f"or a proxy in between does not let it pass.{answer.said}"
                )
            case 409 | 412:
                return errors.ConflictError(
                    f"Grafana at {self.url} refused {asked} ({answer.status}) because of what is "
                    f"there already.{answer.said}"
                )
            case status if status >= 500:
                return errors.ServerFailedError(
                    f"Grafana at {self.url} failed at {asked} ({status}); its log says why. Push "
                    f"again once it is well.{answer.said}"
                )
            case status:
                return errors.RequestRefusedError(
                    f"Grafana at {self.url} refused {asked} ({status}).{answer.said}"
                )

    def _no_answer(self, method: str, path: str, error: Exception) -> errors.PushError:
        """Say in words of our own why there was none: the library's name requests, not reasons."""
        asked = f"{method} /api{path}"
        if isinstance(error, requests.TooManyRedirects):
            kept = self._response
            target = kept.headers.get("Location", "") if kept is not None else ""
            there = self._shown(target.partition("?")[0])
            return errors.NotGrafanaError(
                f"{self.url} sends {asked} on to {there or 'another address'}; the token is not "
                f"sent after it. Give the URL that Grafana itself answers at."
            )
        match error.failure if isinstance(error, NoAnswerError) else "usage":
            case "usage":
                return errors.PushRefusedError(
                    f"--url {self.url} cannot be asked for anything: look for a mistyped host."
                )
            case "tls":
                return errors.TlsFailedError(
                    f"There is no trusted TLS connection to {self.url}: {error}. For a "
                    f"certificate of your own authority give --ca-file FILE; if Grafana does not "
                    f"speak TLS there, the URL begins with http."
                )
            case "unreachable":
                return errors.ServerUnreachableError(
                    f"{self.url} cannot be reached: {str(error).lower()}. Is it the right host and "
                    f"port, is Grafana running, and is there a firewall in between?"
                )
            case "late":
                return errors.NoAnswerError(f"{self.url} did not answer {asked}: {error}.")
            case "broken":
                return errors.NoAnswerError(
                    f"The connection to {self.url} broke off at {asked}: {error}."
                )
            case _:
                return errors.NotGrafanaError(
                    f"{self.url} answers {asked} as no Grafana does: {error}."
                )

    def _shown(self, text: str) -> str:
        """Make a server's words fit for a terminal, without the token should it echo it."""
        clean = "".join(each if each.isprintable() else " " for each in text)
        words = " ".join(clean.replace(self._token, "***").split())
        return words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}…"


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Sign a request with nothing, not even with what a .netrc file holds for the host."""
    return request
