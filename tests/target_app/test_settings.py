"""Settings: everything wrong is told at once, in sentences, and secrets are never shown."""

import pytest

from dress_rehearsal.target_app.allocators import ALLOCATIONS
from dress_rehearsal.target_app.errors import SettingsError
from dress_rehearsal.target_app.settings import read_settings

GOOD = {
    "APP_PORT": "8080",
    "APP_DATABASE_DSN": "postgresql://postgres@/festival?host=/sockets",
    "APP_REDIS_URL": "unix:///sockets/redis.sock",
    "APP_OPENS_AT_NS": "1",
    "APP_JWT_SECRET": "jwt-secret",
    "APP_QR_SECRET": "qr-secret-",
    "APP_PIN_SECRET": "pin-secret",
    "APP_ADMIN_TOKEN": "admin-token",
    "APP_GATE_TOKEN": "gate-token",
}


def problems(**changes: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read_settings({**GOOD, **changes})
    return caught.value.problems


def test_defaults_are_those_of_a_two_worker_write_back_service() -> None:
    settings = read_settings(GOOD)
    assert (settings.workers, settings.backlog, settings.allocation) == (2, 4096, "redis_writeback")
    assert (settings.postgres_pool, settings.redis_pool) == (10, 64)
    assert (settings.postgres_pool_timeout_s, settings.redis_pool_timeout_s) == (2.0, 2.0)


def test_an_empty_environment_is_told_of_every_missing_variable_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({})
    told = {problem.split()[0] for problem in caught.value.problems}
    assert told == set(GOOD)
    assert all(problem.endswith("set it in the environment.") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("APP_PORT", "http", "APP_PORT must be a whole number (it is 'http')."),
        ("APP_PORT", "70000", "APP_PORT must lie between 1 and 65535 (it is '70000')."),
        ("APP_WORKERS", "0", "APP_WORKERS must lie between 1 and 256 (it is '0')."),
        (
            "APP_ALLOCATION",
            "raffle",
            f"APP_ALLOCATION must be one of {', '.join(ALLOCATIONS)} (it is 'raffle').",
        ),
        (
            "APP_POSTGRES_POOL_TIMEOUT",
            "soon",
            "APP_POSTGRES_POOL_TIMEOUT must be a number of seconds (it is 'soon').",
        ),
        (
            "APP_REDIS_POOL_TIMEOUT",
            "0",
            "APP_REDIS_POOL_TIMEOUT must be more than 0 and at most 600 seconds (it is '0').",
        ),
        ("APP_FAULTS", "yes", "APP_FAULTS must be on or off (it is 'yes')."),
        ("APP_INSTRUMENTATION", "0", "APP_INSTRUMENTATION must be on or off (it is '0')."),
        (
            "APP_WAITING_ROOM",
            "big",
            "APP_WAITING_ROOM must be one of off, poll, sse (it is 'big').",
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
    assert problems(**{name: value}) == (sentence,)


def test_nothing_that_misbehaves_or_stands_outside_is_on_by_default() -> None:
    settings = read_settings(GOOD)
    assert (settings.faults, settings.instrumentation, settings.waiting_room) == (
        False,
        True,
        "off",
    )
    assert (settings.enrolment_url, settings.alert_url, settings.sqs_endpoint) == (None, None, None)
    on = read_settings({**GOOD, "APP_FAULTS": "on", "APP_INSTRUMENTATION": "off"})
    assert (on.faults, on.instrumentation) == (True, False)


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
        *("APP_DATABASE_DSN", "APP_REDIS_URL", "APP_ENROLMENT_URL", "APP_ALERT_URL"),
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
    (sentence,) = problems(**{name: address})
    assert sentence.startswith(f"{name} must start with ")
    assert "hunter2" not in sentence
    assert "festival" not in sentence
    assert sentence.endswith("://." if shown is None else f"(it starts with {shown!r}).")


def test_neither_repr_nor_keys_give_a_secret_away() -> None:
    settings = read_settings(GOOD)
    for secret in ("jwt-secret", "qr-secret-", "pin-secret", "admin-token", "gate-token"):
        assert secret not in repr(settings)
    keys = {settings.key(purpose) for purpose in ("jwt", "qr", "pin", "log")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
