"""What a ticket's code costs the generator, in CPU time: its picture, read for the record.

The reference app's own codes, and segno's of several sizes, read as the claims of answers are.
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

CODES = 200
ROUNDS = 5
VERSIONS = (3, 6, 10, 20, 40)


def run() -> None:
    """Print what one code costs, by who drew it and how many modules a side it has."""
    tickets = [secrets.token_hex(16) for _ in range(CODES)]
    print("codes: CPU microseconds to read one")
    pictures = [draw_qr(sign_ticket(b"key", "festival", ticket, 1.8e9)) for ticket in tickets]
    print(f"  reference app, 29 modules   {_cost(pictures):8.1f}")
    for version in VERSIONS:
        some = tickets[: max(CODES // version, 3)]
        print(f"  segno, {17 + 4 * version:3} modules          {_cost(_drawn(some, version)):8.1f}")


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
