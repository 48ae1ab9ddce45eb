"""What Prometheus knows, asked over its HTTP API: the only client of it.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import json
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import responses
from typing import Any, Final

from dress_rehearsal.dashboards.errors import PrometheusRefusedError, PrometheusSilentError
from dress_rehearsal.records import http

_WORDS_MAX: Final = 300
_FORM: Final = "application/x-www-form-urlencoded"
_LIMIT_BYTES: Final = 256 * http.MIB


@dataclass(frozen=True, slots=True)
class Answer:
    """A series: its labels, and its points in the order of their time.

    Attributes:
        times: seconds since the Unix epoch; one for an instant query.
        values: as many; may be NaN or infinite.
    """

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that is firing.

    Attributes:
        about: its labels as a text, to tell it from others of its name.
        summary: what it says to people.
    """

    name: str
    about: str
    summary: str


class PrometheusApi:
    """A Prometheus server.

    Args:
        url: where it answers, such as `http://127.0.0.1:9090`.
        timeout_s: how long an answer may take, from the first packet to the last.
    """

    def __init__(self, url: str, timeout_s: float = 30.0) -> None:
        self._url, self._timeout_s = url.rstrip("/"), timeout_s

    def query(self, expr: str, at_s: float) -> list[Answer]:
        """Evaluate an expression at one moment; a scalar is a series without labels.

        Raises:
            PrometheusSilentError: no answer.
            PrometheusRefusedError: the expression is wrong, or the answer is none of Prometheus'.
        """
        data = self._evaluate("query", query=expr, time=f"{at_s:.3f}")
        with self._understood():
            if data["resultType"] == "scalar":
                at, value = data["result"]
                return [Answer({}, (float(at),), (float(value),))]
            return [
                Answer(dict(one["metric"]), (float(one["value"][0]),), (float(one["value"][1]),))
                for one in self._listed(data, "vector")
            ]

    def query_range(self, expr: str, start_s: float, end_s: float, step_s: float) -> list[Answer]:
        """Evaluate an expression at every step from `start_s` to `end_s`.

        Raises:
            PrometheusSilentError: no answer.
            PrometheusRefusedError: the expression is wrong, or the answer is none of Prometheus'.
        """
        data = self._evaluate(
            "query_range",
            query=expr,
            start=f"{start_s:.3f}",
            end=f"{end_s:.3f}",
            step=f"{step_s:.3f}",
        )
        with self._understood():
            return [
                Answer(
                    dict(one["metric"]),
                    tuple(float(at) for at, _ in one["values"]),
                    tuple(float(value) for _, value in one["values"]),
                )
                for one in self._listed(data, "matrix")
            ]

    def healthy_targets(self) -> int:
        """Return how many targets were scraped the last time that was tried.

        Raises:
            PrometheusSilentError: no answer.
            PrometheusRefusedError: the answer is none of Prometheus'.
        """
        active = self._ask("targets?state=active", "activeTargets")["activeTargets"]
        with self._understood():
            return sum(target["health"] == "up" for target in active)

    def firing(self) -> list[Firing]:
        """Return the alerts that are firing now.

        Raises:
            PrometheusSilentError: no answer.
            PrometheusRefusedError: the answer is none of Prometheus'.
        """
        alerts = self._ask("alerts", "alerts")["alerts"]
        with self._understood():
            return [
                Firing(
                    name=str(alert["labels"].get("alertname", "?")),
                    about=json.dumps(alert["labels"], sort_keys=True),
                    summary=str(alert.get("annotations", {}).get("summary", "")),
                )
                for alert in alerts
                if alert.get("state") == "firing"
            ]

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Refuse an answer whose data have another shape than Prometheus gives them."""
        try:
            yield
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise self._foreign() from error

    def _foreign(self) -> PrometheusRefusedError:
        return PrometheusRefusedError(
            f"What answers at {self._url} is no Prometheus: it gives no data."
        )

    def _listed(self, data: Mapping[str, Any], kind: str) -> list[Any]:
        if data["resultType"] != kind:
            raise PrometheusRefusedError(
                f"Prometheus at {self._url} answers with a {data['resultType']} where a {kind} "
                f"was asked for; a panel's expression must give series of numbers."
            )
        found: list[Any] = data["result"]
        return found

    def _evaluate(self, route: str, **form: str) -> Mapping[str, Any]:
        """Send a form, since an expression may be longer than a URL should be."""
        body = urllib.parse.urlencode(form).encode()
        return self._ask(route, "resultType", "result", body=body, what=f"query {form['query']!r}")

    def _ask(
        self, route: str, *keys: str, body: bytes | None = None, what: str = "question"
    ) -> Mapping[str, Any]:
        """Return the data of an answer, which have these keys."""
        try:
            answer = http.ask(
                "GET" if body is None else "POST",
                f"{self._url}/api/v1/{route}",
                body=body,
                headers={} if body is None else {"Content-Type": _FORM},
                deadline_s=self._timeout_s,
                limit_bytes=_LIMIT_BYTES,
            )
        except http.NoAnswerError as error:
            raise PrometheusSilentError(
                f"Prometheus at {self._url} gives no answer: {error}. See that it runs there and "
                f"is not too busy, and try again."
            ) from error
        if answer.status >= 400:
            raise PrometheusRefusedError(
                f"Prometheus at {self._url} refuses the {what} "
                f"({_status_words(answer.status)}): {_words(answer.body)}"
            )
        try:
            found: Mapping[str, Any] = http.json_of(answer.body)["data"]
            _ = [found[key] for key in keys]
        except (ValueError, KeyError, TypeError) as error:
            raise self._foreign() from error
        return found


def _status_words(status: int) -> str:
    """Return a status with its phrase, where it has one."""
    return f"{status} {responses.get(status, '')}".rstrip()


def _words(body: bytes) -> str:
    """Return the reason an error's body holds."""
    try:
        return str(http.json_of(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()[:_WORDS_MAX] or "no reason given."
