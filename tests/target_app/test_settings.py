"""Settings: everything wrong is told at once, in sentences, and secrets are never shown."""

from pathlib import Path
from typing import get_args

import pytest

from dress_rehearsal.plans import strategies
from dress_rehearsal.target_app.allocators import ALLOCATIONS
from dress_rehearsal.target_app.errors import SettingsError
from dress_rehearsal.target_app.settings import Allocation, Settings

GOOD = {
    "APP_PORT": "8080",
    "APP_WORKERS": "2",
    "APP_BACKLOG": "4096",
    "APP_DATABASE_DSN": "postgresql://postgres@/festival?host=/sockets",
    "APP_REDIS_URL": "unix:///sockets/redis.sock",
    "APP_ALLOCATION": "redis_writeback",
    "APP_POSTGRES_POOL": "10",
    "APP_POSTGRES_POOL_TIMEOUT": "2",
    "APP_REDIS_POOL": "64",
    "APP_REDIS_POOL_TIMEOUT": "2.5",
    "APP_EVENT": "festival",
    "APP_TICKETS": "5000",
    "APP_OPENS_AT_NS": "1",
    "APP_WAITING_ROOM": "off",
    "APP_ADMISSION_RATE": "1000",
    "APP_ADMISSION_CAP": "2000",
    "APP_JWT_SECRET": "jwt-secret",
    "APP_QR_SECRET": "qr-secret-",
    "APP_PIN_SECRET": "pin-secret",
    "APP_ADMIN_TOKEN": "admin-token",
    "APP_GATE_TOKEN": "gate-token",
}

NEEDED_BY_ENROLMENT = {"APP_ENROLMENT_LIMIT": "1", "APP_ENROLMENT_TIMEOUT": "1"}


def problems(**changes: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.read({**GOOD, **changes})
    return caught.value.problems


def test_what_is_set_is_what_the_service_goes_by() -> None:
    settings = Settings.read({**GOOD, "APP_SLO_SECONDS": "3,0.5", "APP_ROSTER_FILE": " /roster "})
    assert (settings.workers, settings.backlog, settings.allocation) == (2, 4096, "redis_writeback")
    assert (settings.postgres_pool, settings.redis_pool) == (10, 64)
    assert (settings.postgres_pool_timeout_s, settings.redis_pool_timeout_s) == (2.0, 2.5)
    assert (settings.slo_s, settings.roster_file) == ((3.0, 0.5), Path("/roster"))


def test_every_strategy_can_be_chosen_by_its_name_here_and_in_a_plan() -> None:
    assert set(get_args(Allocation)) == set(ALLOCATIONS)
    assert set(get_args(strategies.Allocation)) == set(ALLOCATIONS)


@pytest.mark.parametrize("value", ["", "   "])
def test_a_variable_without_a_value_is_one_that_is_not_set(value: str) -> None:
    assert problems(APP_TICKETS=value) == ("APP_TICKETS is not set; set it in the environment.",)
    assert Settings.read({**GOOD, "APP_LOG_LEVEL": value}).log_level == "info"


def test_a_variable_counts_by_its_documented_name_alone() -> None:
    """What strips `APP_…` from an environment (`compose/process.py`) strips all that counts."""
    for name, other in (("APP_WORKERS", "app_workers"), ("APP_FAULTS", "App_Faults")):
        beside = Settings.read({**GOOD, other: "on" if name == "APP_FAULTS" else "9"})
        assert (beside.workers, beside.faults) == (2, False)


def test_an_empty_environment_is_told_of_every_missing_variable_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({})
    told = {problem.split()[0] for problem in caught.value.problems}
    assert told == set(GOOD)
    assert all(problem.endswith("set it in the environment.") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("APP_PORT", "http", "APP_PORT must be a whole number (it is 'http')."),
        ("APP_PORT", "70000", "APP_PORT must be at most 65535 (it is '70000')."),
        ("APP_WORKERS", "0", "APP_WORKERS must be at least 1 (it is '0')."),
        (
            "APP_ALLOCATION",
            "raffle",
            "APP_ALLOCATION must be one of 'naive', 'row_lock', 'optimistic', 'atomic_update', "
            "'skip_locked', 'redis_lock', 'redis_script', 'redis_writeback', 'sqs_writeback' "
            "or 'kafka_writeback' "
            "(it is 'raffle').",
        ),
        (
            "APP_POSTGRES_POOL_TIMEOUT",
            "soon",
            "APP_POSTGRES_POOL_TIMEOUT must be a number (it is 'soon').",
        ),
        (
            "APP_REDIS_POOL_TIMEOUT",
            "0",
            "APP_REDIS_POOL_TIMEOUT must be more than 0 (it is '0').",
        ),
        ("APP_FAULTS", "yes", "APP_FAULTS must be on or off (it is 'yes')."),
        ("APP_SLO_SECONDS", "1,soon", "APP_SLO_SECONDS must be a number (it is 'soon')."),
        (
            "APP_REDIS_POOL_TIMEOUT",
            "inf",
            "APP_REDIS_POOL_TIMEOUT must be a number (it is 'inf').",
        ),
        (
            "APP_WAITING_ROOM",
            "big",
            "APP_WAITING_ROOM must be one of 'off', 'poll' or 'sse' (it is 'big').",
        ),
        (
            "APP_ENROLMENT_URL",
            "ftp://x",
            "APP_ENROLMENT_URL must start with http:// or https:// (it starts with 'ftp://').",
        ),
        (
            "APP_EVENT",
            "a b",
            "APP_EVENT may hold letters, digits, - and _ only, at most 64 of them (it is 'a b').",
        ),
        (
            "APP_DATABASE_DSN",
            "mysql://x",
            "APP_DATABASE_DSN must start with postgresql:// or postgres:// (it starts with 'mysql://').",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_name_and_what_to_do(
    name: str, value: str, sentence: str
) -> None:
    assert problems(**NEEDED_BY_ENROLMENT, **{name: value}) == (sentence,)


def test_nothing_that_misbehaves_or_stands_outside_is_on_by_default() -> None:
    settings = Settings.read(GOOD)
    assert settings.faults is False
    assert (settings.enrolment_url, settings.alert_url) == (None, None)
    assert (settings.sqs_endpoint, settings.kafka_bootstrap) == (None, None)
    assert Settings.read({**GOOD, "APP_FAULTS": "on"}).faults is True


def test_what_stands_outside_needs_what_it_is_asked_with() -> None:
    assert problems(APP_ENROLMENT_URL="http://x", APP_TICKETS="many") == (
        "APP_TICKETS must be a whole number (it is 'many').",
        "APP_ENROLMENT_LIMIT is not set; APP_ENROLMENT_URL needs it.",
        "APP_ENROLMENT_TIMEOUT is not set; APP_ENROLMENT_URL needs it.",
    )


def test_several_wrong_values_are_told_together() -> None:
    told = problems(APP_PORT="-1", APP_LOG_LEVEL="loud", APP_TICKETS="many")
    assert [problem.split()[0] for problem in told] == ["APP_PORT", "APP_TICKETS", "APP_LOG_LEVEL"]


def test_a_short_secret_is_refused_without_being_shown() -> None:
    assert problems(APP_JWT_SECRET="hunter2") == (
        "APP_JWT_SECRET must have at least 8 characters.",
    )


@pytest.mark.parametrize(
    "name",
    [
        "APP_DATABASE_DSN",
        "APP_REDIS_URL",
        "APP_ENROLMENT_URL",
        "APP_ALERT_URL",
        "APP_SQS_ENDPOINT",
    ],
)
@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql+asyncpg://festival:hunter2/@:@db/festival", "postgresql+asyncpg://"),
        ("redis+sentinel://:hunter2@cache/0", "redis+sentinel://"),
        ("odbc://db/festival?user=me&password=hunter2", "odbc://"),
        ("festival:hunter2@db/festival", None),
        ("host=db password=hunter2 options=a://b", None),
    ],
)
def test_the_password_of_a_wrong_address_is_not_shown(
    name: str, address: str, shown: str | None
) -> None:
    (sentence,) = problems(**NEEDED_BY_ENROLMENT, **{name: address})
    assert sentence.startswith(f"{name} must start with ")
    assert "hunter2" not in sentence
    assert "festival" not in sentence
    assert sentence.endswith("://." if shown is None else f"(it starts with {shown!r}).")


def test_a_wrong_list_of_brokers_is_not_shown_either() -> None:
    assert problems(APP_KAFKA_BOOTSTRAP="kafka://festival:hunter2@broker:9092") == (
        "APP_KAFKA_BOOTSTRAP must be host:port, of several with commas between.",
    )


def test_neither_repr_nor_keys_give_a_secret_away() -> None:
    settings = Settings.read(GOOD)
    for secret in ("jwt-secret", "qr-secret-", "pin-secret", "admin-token", "gate-token"):
        assert secret not in repr(settings)
        assert secret not in str(settings)
    assert "sockets" not in repr(settings)
    keys = {settings.key(purpose) for purpose in ("jwt", "qr", "pin", "log")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
