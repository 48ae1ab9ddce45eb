"""The published JSON Schema of `verdict.json` is the one the code keeps to."""

import json
from pathlib import Path

import jsonschema

from dress_rehearsal import reports
from dress_rehearsal.reports.schema import verdict_schema

PUBLISHED = Path(reports.__file__).parent / "verdict.schema.json"


def test_the_published_schema_is_the_code_s_own():
    assert json.loads(PUBLISHED.read_text()) == verdict_schema()


def test_a_healthy_verdict_obeys_the_published_schema(healthy_verdict):
    jsonschema.validate(json.loads(healthy_verdict.text()), json.loads(PUBLISHED.read_text()))
