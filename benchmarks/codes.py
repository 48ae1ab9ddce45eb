"""What tickets' codes cost the generator, in CPU time: their pictures, read for the record.

The codes of a shard are read together, as the claims of its answers are: the reference app's own,
by how many there are in a shard, and segno's of several sizes.
"""

import io
import secrets
import time
from collections import Counter

import segno

from dress_rehearsal.records.steps import CODE
from dress_rehearsal.scenarios.answers.claims import read_claims
from dress_rehearsal.scenarios.answers.vocabulary import Vocabulary
from dress_rehearsal.target_app.qr import draw_qr, sign_ticket

IN_A_SHARD = (1, 10, 50, 300, 1000)
ROUNDS = 5
VERSIONS = (3, 6, 10, 20, 40)
CODES = 200
"""Codes of segno's of the first version there would be."""


def run() -> None:
    """Print what one code costs, by who drew it, how many modules a side and how many it has
    beside it."""
    tickets = [secrets.token_hex(16) for _ in range(max(IN_A_SHARD))]
    print("codes: CPU microseconds to read one")
    pictures = [draw_qr(sign_ticket(b"key", "festival", ticket, 1.8e9)) for ticket in tickets]
    for codes in IN_A_SHARD:
        print(f"  reference app, 29 modules, {codes:4} a shard {_cost(pictures[:codes]):8.1f}")
    for version in VERSIONS:
        some = _drawn(tickets[: max(CODES // version, 3)], version)
        print(f"  segno, {17 + 4 * version:3} modules, {len(some):12} a shard {_cost(some):8.1f}")


def _drawn(tickets: list[str], version: int) -> list[bytes]:
    pictures = []
    for ticket in tickets:
        picture = io.BytesIO()
        segno.make_qr(ticket, version=version, mask=0).save(picture, kind="svg")
        pictures.append(picture.getvalue())
    return pictures


def _cost(pictures: list[bytes]) -> float:
    steps, costs = [0] * len(pictures), []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        read_claims(steps, [CODE], pictures, Vocabulary(), Counter())
        costs.append(time.thread_time() - begun)
    return min(costs) / len(pictures) * 1e6


if __name__ == "__main__":
    run()
