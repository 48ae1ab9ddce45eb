"""The last seconds: what generators told of each whole second, shown so that no scrape misses one.

A gauge of the last second alone would lose seconds: a scrape comes late when the machine is busy,
which is when the busiest second is, and a generator whose loop is late tells of two seconds at
once. Nor can a second be shown until it has been scraped: whoever scrapes next, another Prometheus
or a person, would take it from the first. So each second is shown for `SHOWN_S` after it was told
of, and of those shown at once the busiest counts. Scrapes up to that far apart therefore see every
peak, and the highest value seen is the busiest second's true count; a quiet second between two busy
ones may not be seen.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client.core import Metric

from dress_rehearsal.records.exporter import family_of

SHOWN_S: Final = 2.0
"""How long a second is shown: with scrapes every second, one may be as late as another."""
_OF: Final = "in the last whole second; of those told of in the last 2 s the busiest"

_Labelled = tuple[dict[str, str], float]


@dataclass(frozen=True, slots=True)
class _Told:
    """A second as `scenarios.tallies.seconds` describes it, and when it was told of."""

    at_s: float
    second: dict[str, Any]


class LastSeconds:
    """The newest whole seconds of every generator; may be called from any thread.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[str, dict[int, _Told]] = {}

    def take(self, generator: str, seconds: Sequence[dict[str, Any]]) -> None:
        """Show these seconds from now on; one told of again has changed, and is shown anew."""
        now_s = self._clock()
        with self._lock:
            told = self._told.setdefault(generator, {})
            told |= {second["at_s"]: _Told(now_s, second) for second in seconds}
            for old in [at for at, one in told.items() if now_s - one.at_s > SHOWN_S]:
                del told[old]

    def collect(self) -> Iterator[Metric]:
        """Return the metrics, of every generator that told of a second lately."""
        now_s = self._clock()
        with self._lock:
            shown = {
                name: [one.second for one in told.values() if now_s - one.at_s <= SHOWN_S]
                for name, told in self._told.items()
            }
        arrivals: list[_Labelled] = []
        sent: list[_Labelled] = []
        answers: list[_Labelled] = []
        felt: list[_Labelled] = []
        for name, seconds in shown.items():
            if not seconds:
                continue
            own = {"generator": name}
            arrivals.append((own, max(second["arrivals"] for second in seconds)))
            sent.append((own, max(second["sent"] for second in seconds)))
            busiest = max((second["answers"] for second in seconds), key=_sum)
            answers += [({**own, "outcome": word}, count) for word, count in busiest.items()]
            slowest: dict[str, float] = {}
            for second in seconds:
                for step, p99_s in second["felt_p99_s"].items():
                    slowest[step] = max(p99_s, slowest.get(step, 0))
            roles = {step: role for second in seconds for step, role in second["roles"].items()}
            felt += [
                ({**own, "step": step, "role": roles[step]}, p99_s)
                for step, p99_s in slowest.items()
            ]
        for metric, text, samples in (
            ("generator_arrivals_last_second", f"Students who began {_OF}.", arrivals),
            ("generator_sent_last_second", f"Requests sent {_OF}.", sent),
            ("generator_answers_last_second", f"Requests that ended {_OF}, by outcome.", answers),
            (
                "generator_felt_p99_last_second_seconds",
                "What students felt, p99 of what ended in the last whole second; "
                "of those told of in the last 2 s the slowest.",
                felt,
            ),
        ):
            yield family_of(metric, text, samples)


def _sum(counts: dict[str, int]) -> int:
    return sum(counts.values())
