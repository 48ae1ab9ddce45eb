"""The `[notify]` table names a variable, never a secret, and no message shows one."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import PlanInvalidError, plan_toml, read_plan
from dress_rehearsal.plans.read import check_plan
from dress_rehearsal.records import RunDirectory

SECRET = "/services/T0123/B0123/s3cr3tS3cr3ts3cr3t"


def plan(**settings):
    wanted = {"slack_webhook_env": "SLACK_WEBHOOK_URL", **settings}
    return check_plan({"name": "festival", "notify": wanted}, "festival.toml")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"slack_webhook_env": f"https://hooks.slack.com{SECRET}"}, "name of an environment"),
        ({"reports_url": "ftp://example.org"}, "expected an http or https URL"),
        ({"reports_url": "https://example.org/?token=1"}, "without login, ? or #"),
        ({"reports_url": "https://example.org/a|b>"}, "without login, ? or #"),
        ({"reports_url": "https://a:b@example.org"}, "without login, ? or #"),
        ({"when": "sometimes"}, "'always' or 'not_pass'"),
        ({"alertmanager": "http://127.0.0.1:9093"}, "alertmanager"),
    ],
)
def test_a_wrong_table_is_refused_without_showing_a_secret(settings, words):
    with pytest.raises(PlanInvalidError) as caught:
        plan(**settings)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        f"notify.slack_webhook_env=https://hooks.slack.com{SECRET}",
        f'notify.slack_webhook_env=["https://hooks.slack.com{SECRET}"]',
        f"notify.slack_webhook=https://hooks.slack.com{SECRET}",
        f"notify=https://hooks.slack.com{SECRET}",
        f"notify.reports_url=ftp://ci.example.org{SECRET}",
    ],
)
def test_a_secret_given_on_the_command_line_is_not_shown_either(written):
    with pytest.raises(PlanInvalidError) as caught:
        read_plan(Path("smoke"), [written])
    option = f"--set {written.partition('=')[0]}"
    assert str(caught.value).startswith((f"{option}: ", f"{option} = …: "))
    assert SECRET not in str(caught.value)


def test_the_table_is_written_out_and_read_again(tmp_path):
    given = plan(reports_url="https://ci.example.org/runs/", alertmanager="127.0.0.1:9093")
    assert given.notify.reports_url == "https://ci.example.org/runs"
    run = RunDirectory.create(tmp_path, plan())
    run.write_text("plan.toml", plan_toml(given))
    assert run.plan() == given
