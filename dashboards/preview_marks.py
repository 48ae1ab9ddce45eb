"""Marks: what a dashboard's annotation queries say happened, and when."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dress_rehearsal.dashboards.preview_answers import Window, with_labels
from dress_rehearsal.dashboards.preview_fields import hexadecimal
from dress_rehearsal.dashboards.prometheus_api import Answer, PrometheusApi, PrometheusError
from dress_rehearsal.dashboards.queries import fill


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, or a time, that is drawn through the panels."""

    annotation: str
    """The name of its query."""
    start_s: float
    end_s: float
    title: str
    text: str
    colour: str


def marks(api: PrometheusApi, dashboard: Mapping[str, Any], window: Window) -> list[Mark]:
    """Ask every annotation query of Prometheus, and give what lies in the window by its time.

    Raises:
        PrometheusError: Prometheus does not answer; the message names the annotation.
    """
    found: list[Mark] = []
    for annotation in dashboard["annotations"]["list"]:
        if not annotation["enable"] or annotation["datasource"]["type"] != "prometheus":
            continue
        step_s = _seconds(annotation.get("step") or "60s")
        expr = fill(
            annotation["expr"],
            run=window.run,
            interval_s=step_s,
            range_s=window.length_s,
            scrape_s=window.scrape_s,
        )
        start_s, end_s = (math.floor(at / step_s) * step_s for at in (window.start_s, window.end_s))
        try:
            told = api.query_range(expr, start_s, end_s, step_s)
        except PrometheusError as error:
            raise type(error)(f"Annotation {annotation['name']!r}: {error}") from error
        for answer in told:
            found.extend(_marks(answer, annotation, step_s))
    inside = [
        mark for mark in found if mark.end_s >= window.start_s and mark.start_s <= window.end_s
    ]
    return sorted(inside, key=lambda mark: (mark.start_s, mark.annotation, mark.title))


def _marks(answer: Answer, annotation: Mapping[str, Any], step_s: float) -> Iterator[Mark]:
    """Put moments that are no more than a step apart together, as Grafana does."""
    moments = [
        value / 1e3 if annotation.get("useValueForTime") else at
        for at, value in zip(answer.times, answer.values, strict=True)
        if annotation.get("useValueForTime") or value > 0
    ]
    title, text = (
        with_labels(annotation[key], answer.labels) for key in ("titleFormat", "textFormat")
    )
    name, colour = annotation["name"], hexadecimal(annotation["iconColor"])
    start_s = end_s = None
    for moment in moments:
        if start_s is None or end_s is None:
            start_s = moment
        elif moment > end_s + step_s:
            yield Mark(name, start_s, end_s, title, text, colour)
            start_s = moment
        end_s = moment
    if start_s is not None and end_s is not None:
        yield Mark(name, start_s, end_s, title, text, colour)


def _seconds(step: str) -> float:
    return float(step.removesuffix("s"))
