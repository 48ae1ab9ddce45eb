"""The table of pools: when each saturated, how long it was waited for and held, and why."""

from dress_rehearsal.reports.page.tables import Table, pool_table, undecided_pools
from dress_rehearsal.reports.schema import Pool, Verdict

NOTHING = dict.fromkeys(Pool.model_fields)


def words(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_the_first_pool_to_saturate_comes_first_even_at_t0_exactly() -> None:
    def pool(name: str, since_s: float | None) -> Pool:
        return Pool.model_validate({**NOTHING, "name": name, "saturated_at_s": since_s})

    table = pool_table([pool("redis", None), pool("cpu", 1.5), pool("postgres", 0.0)])
    names = [row[0] for row in words(table)]
    assert names == ["PostgreSQL pools", "Machine's CPU", "Redis pools"]
    heads = [head for head, _ in table.columns]
    saturated = [row[heads.index("Saturated first")] for row in table.rows]
    assert [(cell.text, cell.tone) for cell in saturated] == [
        ("T-0", "found"),
        ("T-0 + 1.5 s", "found"),
        ("never", ""),
    ]
    assert [row[-1] for row in words(table)] == ["undecided", "—", "—"]


def test_a_pool_that_saturated_before_the_sale_says_when_it_did_in_the_rush() -> None:
    def table(**in_rush_s: float | None) -> list[list[str]]:
        pools = [
            {**NOTHING, "name": name, "saturated_at_s": -19.2, "saturated_in_rush_s": at_s}
            for name, at_s in in_rush_s.items()
        ]
        shown = pool_table([Pool.model_validate(pool) for pool in pools])
        return [[head for head, _ in shown.columns][7:9], *(row[7:9] for row in words(shown))]

    assert table(cpu=-0.5, redis=None) == [
        ["Saturated first", "In the rush from"],
        ["T-0 − 19.2 s", "T-0 − 0.5 s"],
        ["T-0 − 19.2 s", "never"],
    ]
    assert table(cpu=-19.2)[0] == ["Saturated first", "Leaked"], "nothing before the rush"


def test_only_a_pool_that_was_measured_never_saturated() -> None:
    def moment(diagnosis: str | None, at_s: float | None = None, *, has_t0: bool = True) -> str:
        own = {"name": "redis", "diagnosis": diagnosis, "saturated_at_s": at_s}
        return words(pool_table([Pool.model_validate({**NOTHING, **own})], has_t0=has_t0))[0][7]

    assert moment("not_measured") == moment("not_measured", has_t0=False) == "not measured"
    assert moment("healthy") == moment("healthy", has_t0=False) == moment("leak") == "never"
    assert moment("undersized", 1.5) == "T-0 + 1.5 s"
    for saturated in ("undersized", "slow_holder", "leak", None):
        assert moment(saturated, has_t0=False) == "not known (no T-0)"


def test_without_t0_a_saturated_pool_without_a_diagnosis_is_undecided() -> None:
    pool = Pool.model_validate({**NOTHING, "name": "redis"})
    assert words(pool_table([pool], has_t0=False))[0][-1] == "undecided"


def test_a_pools_wait_is_the_bucket_of_its_histogram_where_it_is_of_one() -> None:
    def wait(p99_ms: float | None, *bucket: float | None) -> str:
        own = dict(zip(("wait_p99_low_ms", "wait_p99_high_ms"), bucket, strict=False))
        pool = Pool.model_validate({**NOTHING, "name": "redis", "wait_p99_ms": p99_ms, **own})
        return words(pool_table([pool]))[0][4]

    assert wait(9888.1, 8000.0, 10_000.0) == "8,000 to 10,000 ms"
    assert wait(0.05, 0.0, 0.1) == "at most 0.1 ms"
    assert wait(15_000.0, 15_000.0, None) == "over 15,000 ms"
    assert wait(507.0) == "507 ms", "measured"
    assert wait(None) == "—"


def test_a_pool_says_how_long_it_was_held_or_why_that_is_not_known() -> None:
    def pool(name: str, hold_ms: float | None = None, used: int = 3) -> Pool:
        own = {"name": name, "hold_mean_ms": hold_ms, "peak_used": used}
        return Pool.model_validate({**NOTHING, **own})

    table = pool_table(
        [
            pool("redis", 17.14),
            pool("postgres", used=0),
            pool("sqs"),
            pool("shop.HikariPool-1"),
            pool("max_connections"),
            pool("cpu"),
        ]
    )
    place = [head for head, _ in table.columns].index("Held, mean")
    assert [row[place] for row in words(table)] == [
        "17.1 ms",
        "— (none was taken)",
        "— (none was given back)",
        "— (its metrics do not tell)",
        "— (kept open)",
        "— (nothing is held)",
    ]


def test_an_undecided_pool_is_told_with_its_reason_and_no_other() -> None:
    def pool(name: str, why: str | None) -> Pool:
        return Pool.model_validate({**NOTHING, "name": name, "undecided": why})

    told = undecided_pools([pool("redis", "its reason"), pool("postgres", None)])
    assert told == [("Redis pools", "Its reason.")]


def test_levels_added_up_over_workers_are_said_to_be_upper_bounds() -> None:
    headings = [heading for heading, _ in pool_table([]).columns]
    assert headings[1:4] == ["Used, up to", "Max", "Waiting, up to"]
    assert "adds up what each worker had at most" in pool_table([]).caption


def test_a_pool_of_which_nothing_was_taken_is_not_called_healthy(healthy_verdict: Verdict) -> None:
    (first, *_) = [pool for pool in healthy_verdict.pools if pool.name == "redis"]
    healthy = first.model_copy(
        update={"diagnosis": "healthy", "peak_used": 3, "hold_mean_ms": 1.0, "leaked": 0}
    )
    unused = healthy.model_copy(update={"diagnosis": "not_used"})
    table = pool_table([healthy, unused])
    assert [row[-1].text for row in table.rows] == ["healthy", "not used"]
    assert [row[-1].tone for row in table.rows] == ["ok", ""]
