"""The published JSON Schema of `verdict.json` is the one the code keeps to."""

import json

from dress_rehearsal.reports.schema import Verdict


def test_the_published_schema_is_the_codes_own(published_schema):
    own = Verdict.model_json_schema(mode="serialization", by_alias=True)
    draft = "https://json-schema.org/draft/2020-12/schema"
    assert published_schema == {"$schema": draft, **own}


def test_a_healthy_verdict_obeys_the_published_schema(healthy_verdict, valid):
    valid(json.loads(healthy_verdict.text()))
