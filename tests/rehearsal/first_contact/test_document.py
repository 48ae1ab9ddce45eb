"""Documents are read in JSON and in YAML; what would be too much of one is read as none."""

import json
import time

import pytest

from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.first_contact.document import document_of
from dress_rehearsal.rehearsal.first_contact.openapi import guesses, is_openapi
from tests.rehearsal.first_contact.documents import FASTAPI, SPECTACULAR, SPRINGFOX
from tests.rehearsal.first_contact.served import served


def test_json_is_read_as_before():
    assert document_of(json.dumps(FASTAPI).encode()) == FASTAPI
    assert document_of(b"[1]") is None


def test_openapi_3_in_yaml_is_read():
    document = document_of(SPECTACULAR)
    assert is_openapi(document)
    found = guesses(document)
    assert found.title == "Show Tickets"
    assert found.login.path == "/v1/login/"
    assert found.login.told == "token"
    assert found.page.filled == "/v1/shows/7/"
    assert found.purchase.filled == "/v1/shows/7/orders/"
    assert found.purchase.fields == found.login.fields
    assert found.purchase.statuses == {201, 409}


def test_swagger_2_in_yaml_is_read():
    found = guesses(document_of(SPRINGFOX))
    assert found.purchase.path == "/api/tickets/purchase"
    assert found.purchase.form
    assert found.purchase.fields == {"seat": "'1'"}


LAUGHS = "openapi: 3\npaths:\n  a0: &a0 {x: 1}\n"
ALIASES = LAUGHS + "".join(f"  a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 40))
MERGES = LAUGHS + "".join(
    f"  a{n}: &a{n} {{<<: [{f'*a{n - 1}, ' * 9}], k{n}: 1}}\n" for n in range(1, 40)
)


@pytest.mark.parametrize(
    ("body", "is_read"),
    [
        (ALIASES.encode(), True),
        (MERGES.encode(), True),
        (b"openapi: 3\npaths: " + b"[" * 5_000, False),
        (b"openapi: 3\npaths: " + b"{a: " * 100 + b"}" * 100, False),
        (b"openapi: 3\npaths: [" + b"1," * 400_000 + b"]", False),
        (b"openapi: 3\n" + b"# \n" * 1_000_000, False),
        (b"openapi: !!python/object/apply:os.system [echo]\npaths: {}", False),
        (b"openapi: " + b"9" * 5_000 + b"\npaths: {}", False),
        (b"openapi: 3\npaths: {? [a] : 1}", False),
        (b"openapi: 3\npaths: &a {b: *a}", True),
        (b"openapi: 3\n\x00\xff\xfe", False),
        (b"<html>openapi: 3</html>", False),
    ],
    ids=range(12),
)
def test_what_is_too_much_or_no_document_is_none_and_takes_no_time(body, is_read):
    begun_s = time.process_time()
    document = document_of(body)
    assert (document is not None) == is_read
    if is_openapi(document):
        guesses(document)
    assert time.process_time() - begun_s < 5


@pytest.mark.parametrize(
    ("path", "body", "purchase"),
    [
        ("/openapi.yaml", SPECTACULAR, "POST /v1/shows/{show}/orders/"),
        ("/api/schema/", SPECTACULAR, "POST /v1/shows/{show}/orders/"),
        ("/swagger.yaml", SPRINGFOX, "POST /api/tickets/purchase"),
    ],
    ids=["yaml", "spectacular", "swagger"],
)
def test_init_finds_it_where_frameworks_keep_it(tmp_path, capsys, path, body, purchase):
    with served({path: body}) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"{path} describes" in said
    assert f"purchase: {purchase}" in said


def test_one_that_answers_nothing_is_not_asked_for_every_place(tmp_path):
    from dress_rehearsal.records.http.reach import reach_of
    from dress_rehearsal.rehearsal.first_contact.questions import DOCUMENTS, Interview

    with served({}) as app:
        pass
    interview = Interview(app.url, reach_of(None, None))
    assert interview.first(DOCUMENTS, lambda heard: heard.ok) is None
    assert len(interview.heard) == 1
