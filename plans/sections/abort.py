"""The `[abort]` table: when a rush that does harm is stopped early."""

from typing import Final, Self

from pydantic import model_validator

from dress_rehearsal.plans.types import PositiveDuration, Section, Share

_AFTER_S: Final = 5.0


class Abort(Section):
    """When the rush is stopped before its end; never, unless a limit is given."""

    errors: Share | None = None
    """So many of the requests that ended failed, or got no answer."""
    latency: PositiveDuration | None = None
    """The 99th percentile of what students felt, of one of the steps, in each second."""
    after: PositiveDuration | None = None
    """For how long it has to be so; 5 s where left out."""

    @property
    def after_s(self) -> float:
        """For how many seconds a limit has to be passed."""
        return _AFTER_S if self.after is None else self.after

    @property
    def limited(self) -> bool:
        """Whether anything stops the rush."""
        return self.errors is not None or self.latency is not None

    @model_validator(mode="after")
    def _has_effect(self) -> Self:
        if self.after is not None and not self.limited:
            raise ValueError("after without errors or latency has no effect")
        return self
