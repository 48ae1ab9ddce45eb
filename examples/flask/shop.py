"""A small ticket shop on Flask, SQLAlchemy and gunicorn, to be rehearsed.

Customers log in with a form, which carries a CSRF token, and keep a cookie. A seat is sold under a
row lock on the show. `SHOP_FAULT` names one wrong that the shop then does; see the README above.
"""

import csv
import hmac
import itertools
import os
import secrets
import time
from pathlib import Path

from flask import Flask, Response, abort, redirect, render_template_string, request, session
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import BigInteger, ForeignKey, Index, create_engine, func, select
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.security import check_password_hash, generate_password_hash

FAULT = os.environ.get("SHOP_FAULT", "")
SEATS = int(os.environ.get("SHOP_SEATS", "60"))
POOL_SIZE = 1 if FAULT == "small_pool" else 20
POOL_TIMEOUT_S = 2
LOYALTY_QUERY_S = 0.02
"""How long the database works on a customer's history; here it only sleeps."""
PAYMENT_S = 0.3
"""How long the payment provider takes; only a faulty shop waits for it at the wrong moment."""
CLOCK_AHEAD_MS = 2000 if FAULT == "early" else 0
LOST_EVERY = 4
PIN_HASH = "pbkdf2:sha256:1000"
"""Cheap: a storm of logins is not what this shop is to show."""
CUSTOMERS = Path(__file__).parents[1] / "roster.csv"

LOGIN_PAGE = """<!doctype html><title>Winterfest</title>
<form method="post"><input type="hidden" name="csrf" value="{{ csrf }}">
<input name="email"><input name="pin" type="password"><button>Log in</button></form>"""

waiting = Gauge("sqlalchemy_pool_waiting", "Threads that wait for a connection.")
wait_seconds = Histogram("sqlalchemy_pool_wait_seconds", "How long they waited.")
timeouts = Counter("sqlalchemy_pool_timeouts", "Waits that ran out.")
checked_out = Gauge("sqlalchemy_pool_checked_out", "Connections in use.")
pool_max = Gauge("sqlalchemy_pool_max", "Connections there may be.")


class MeteredPool(QueuePool):
    """A pool that also says who waits for it, and for how long."""

    def connect(self) -> PoolProxiedConnection:
        """Return a connection, as soon as there is one."""
        with waiting.track_inprogress(), wait_seconds.time():
            try:
                return super().connect()
            except PoolTimeoutError:
                timeouts.inc()
                raise


class TooEarly(HTTPException):
    """The sale is not open yet."""

    code = 425


class Base(DeclarativeBase):
    """The shop's tables."""


class Customer(Base):
    """Somebody with an account; only members may buy."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    pin_hash: Mapped[str]
    is_member: Mapped[bool]


class Show(Base):
    """What is sold, from when on, and how many seats are left."""

    __tablename__ = "shows"
    id: Mapped[str] = mapped_column(primary_key=True)
    seats_left: Mapped[int]
    opens_ms: Mapped[int | None] = mapped_column(BigInteger)


class Order(Base):
    """A sold seat."""

    __tablename__ = "orders"
    reference: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    placed_ns: Mapped[int] = mapped_column(BigInteger)


engine = create_engine(
    os.environ["SHOP_DSN"],
    poolclass=MeteredPool,
    pool_size=POOL_SIZE,
    max_overflow=0,
    pool_timeout=POOL_TIMEOUT_S,
)
checked_out.set_function(engine.pool.checkedout)
pool_max.set(POOL_SIZE)

app = Flask(__name__)
app.secret_key = os.environ.get("SHOP_SECRET") or secrets.token_bytes()
sold = itertools.count(1)
forgotten: list[Session] = []


@app.get("/health")
def health() -> str:
    """Say that the shop is up."""
    return "ok"


@app.get("/metrics")
def metrics() -> Response:
    """Return what Prometheus reads."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


@app.get("/")
def front_page() -> str:
    """Show what is on."""
    return "<!doctype html><title>Winterfest</title><h1>Winterfest</h1>"


@app.get("/login")
def login_page() -> str:
    """Show the form, with the token that a login must bring back."""
    session["csrf"] = secrets.token_urlsafe()
    return render_template_string(LOGIN_PAGE, csrf=session["csrf"])


@app.post("/login")
def login() -> Response:
    """Log a customer in."""
    check_csrf()
    with Session(engine) as db:
        customer = db.scalar(select(Customer).where(Customer.email == request.form["email"]))
    if customer is None or not check_password_hash(customer.pin_hash, request.form["pin"]):
        abort(401)
    session["customer"] = customer.id
    return redirect("/", code=303)


@app.post("/orders")
def order() -> tuple[dict[str, str], int]:
    """Sell the customer one seat."""
    check_csrf()
    if "customer" not in session:
        abort(401)
    customer_id: int = session["customer"]
    db = Session(engine)
    try:
        check_may_buy(db, customer_id)
    except Forbidden:
        if FAULT == "leak":
            forgotten.append(db)  # so its connection never goes back to the pool
        raise
    finally:
        if db not in forgotten:
            db.close()
    if FAULT == "second_ticket":
        time.sleep(PAYMENT_S)  # what was checked before may no longer be so
    with Session(engine) as db:
        reference = sell(db, customer_id)
        if FAULT == "lost" and next(sold) % LOST_EVERY == 0:
            db.rollback()  # as where a write behind the answer fails and is only logged
        db.commit()
    return {"reference": reference}, 201


@app.post("/-/on-sale")
def on_sale() -> tuple[str, int]:
    """Set when the sale opens; for the shop's operators."""
    if not hmac.compare_digest(
        request.headers.get("X-Admin-Key", ""), os.environ.get("SHOP_ADMIN_KEY", "")
    ):
        abort(403)
    with Session(engine) as db, db.begin():
        db.get_one(Show, "winterfest").opens_ms = int(request.get_json()["atMs"])
    return "", 204


def check_csrf() -> None:
    """Turn away a form that did not come from a page of ours."""
    token = session.get("csrf", "")
    if not token or not hmac.compare_digest(token, request.form.get("csrf", "")):
        abort(400)


def check_may_buy(db: Session, customer_id: int) -> None:
    """Turn away whoever may not buy, or not yet."""
    opens_ms = db.get_one(Show, "winterfest").opens_ms
    if opens_ms is None or time.time() * 1000 < opens_ms - CLOCK_AHEAD_MS:
        raise TooEarly
    db.execute(select(func.pg_sleep(LOYALTY_QUERY_S)))
    if not db.get_one(Customer, customer_id).is_member:
        abort(403)
    if has_order(db, customer_id):
        abort(409)


def has_order(db: Session, customer_id: int) -> bool:
    """Return whether the customer has a seat already."""
    return db.scalar(select(Order).where(Order.customer_id == customer_id)) is not None


def sell(db: Session, customer_id: int) -> str:
    """Take a seat off the show and write the order; nobody else does so at the same time."""
    query = select(Show).where(Show.id == "winterfest")
    show = db.scalars(query if FAULT == "oversell" else query.with_for_update()).one()
    if FAULT != "second_ticket" and has_order(db, customer_id):
        abort(409)
    if show.seats_left == 0:
        abort(410)
    if FAULT == "oversell":
        left = show.seats_left
        time.sleep(PAYMENT_S / 10)  # others read the same number meanwhile
        show.seats_left = left - 1
    else:
        show.seats_left -= 1
    reference = secrets.token_hex(8)
    db.add(Order(reference=reference, customer_id=customer_id, placed_ns=time.time_ns()))
    return reference


@app.cli.command("reset")
def reset() -> None:
    """Put the shop back to before the sale: all customers, all seats, no order."""
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    if FAULT != "second_ticket":
        Index("one_seat_each", Order.customer_id, unique=True).create(engine)
    with CUSTOMERS.open(newline="") as file, Session(engine) as db, db.begin():
        db.add(Show(id="winterfest", seats_left=SEATS))
        for row in csv.DictReader(file):
            pin_hash = generate_password_hash(row["pin"], method=PIN_HASH)
            is_member = row["enrolled"] == "1"
            db.add(Customer(email=row["student"], pin_hash=pin_hash, is_member=is_member))
