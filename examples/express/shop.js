// A small ticket shop on Express, pg and prom-client, to be rehearsed.
//
// Visitors log in with JSON and keep a signed cookie as their session. Seats are numbered, and sold
// one after the other under an advisory lock. SHOP_FAULT names one wrong that the shop then does;
// see the README above.

import { pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import cookieSession from "cookie-session";
import express from "express";

import { register, withConnection } from "./pool.js";

const fault = process.env.SHOP_FAULT ?? "";
const port = Number(process.env.SHOP_PORT ?? 8473);
const adminKey = process.env.SHOP_ADMIN_KEY ?? "";

const seatMapS = 0.02; // how long the database draws the map of seats; here it only sleeps
const paymentMs = 300; // only a faulty shop waits for the payment at the wrong moment
const clockAheadMs = fault === "early" ? 2000 : 0;
const lostEvery = 4;
let seatsWritten = 0;

class Refusal extends Error {
  constructor(status) {
    super(`refused with ${status}`);
    this.status = status;
  }
}

const app = express();
app.use(express.json());
app.use(cookieSession({ name: "session", keys: [randomBytes(32).toString("hex")] }));

app.get("/health", (request, response) => response.send("ok"));

app.get("/metrics", async (request, response) => {
  response.type(register.contentType).send(await register.metrics());
});

app.get("/shows/winterfest", (request, response) => {
  response.send("<!doctype html><title>Winterfest</title><h1>Winterfest</h1>");
});

app.post("/session", async (request, response) => {
  const { email, pin } = request.body;
  const visitor = await withConnection((db) =>
    one(db, "SELECT id, salt, pin_hash FROM visitors WHERE email = $1", [email]),
  );
  if (!visitor || !timingSafeEqual(hashed(pin, visitor.salt), visitor.pin_hash)) {
    throw new Refusal(401);
  }
  request.session.visitor = visitor.id;
  response.status(201).json({ email });
});

app.post("/shows/winterfest/seats", async (request, response) => {
  const visitor = request.session.visitor;
  if (!visitor) throw new Refusal(401);
  await withConnection((db) => checkMayBuy(db, visitor), isForgotten);
  if (fault === "second_ticket" || fault === "oversell") {
    await sleep(paymentMs); // what was checked before may no longer be so
  }
  const seat = await withConnection((db) => inTransaction(db, () => sell(db, visitor)));
  response.status(201).json({ seat: { number: seat.number, code: seat.code } });
});

app.put("/-/opening", async (request, response) => {
  const key = Buffer.from(request.get("X-Admin-Key") ?? "");
  if (key.length !== adminKey.length || !timingSafeEqual(key, Buffer.from(adminKey))) {
    throw new Refusal(403);
  }
  await withConnection((db) => db.query("UPDATE shows SET opens_s = $1", [request.body.at_s]));
  response.status(204).end();
});

app.use((error, request, response, next) => {
  if (!(error instanceof Refusal)) console.error(error);
  response.status(error.status ?? 500).json({ error: error.message });
});

// A connection whose request was refused so is never given back.
function isForgotten(error) {
  return fault === "leak" && error.status === 403;
}

async function checkMayBuy(db, visitor) {
  const show = await one(db, "SELECT opens_s, seats FROM shows");
  if (show.opens_s === null || Date.now() < show.opens_s * 1000 - clockAheadMs) {
    throw new Refusal(425);
  }
  await db.query("SELECT pg_sleep($1)", [seatMapS]);
  const account = await one(db, "SELECT is_subscriber FROM visitors WHERE id = $1", [visitor]);
  if (!account.is_subscriber) throw new Refusal(403);
  await checkHasNone(db, visitor);
  if ((await seatsSold(db)) >= show.seats) throw new Refusal(410);
}

async function checkHasNone(db, visitor) {
  if (await one(db, "SELECT 1 FROM seats WHERE visitor = $1", [visitor])) throw new Refusal(409);
}

async function seatsSold(db) {
  return Number((await one(db, "SELECT count(*) AS sold FROM seats")).sold);
}

// Give the visitor the next seat; nobody else gets one at the same time.
async function sell(db, visitor) {
  await db.query("SELECT pg_advisory_xact_lock(1)");
  if (fault !== "second_ticket") await checkHasNone(db, visitor);
  const sold = await seatsSold(db);
  const { seats } = await one(db, "SELECT seats FROM shows");
  if (sold >= seats && fault !== "oversell") throw new Refusal(410);
  const seat = { number: sold + 1, code: randomBytes(8).toString("hex") };
  seatsWritten += 1;
  if (fault === "lost" && seatsWritten % lostEvery === 0) return seat; // as if the write had failed
  await db.query(
    "INSERT INTO seats VALUES ($1, $2, $3, $4)",
    [seat.code, seat.number, visitor, Date.now()],
  );
  return seat;
}

async function inTransaction(db, work) {
  await db.query("BEGIN");
  try {
    const result = await work();
    await db.query("COMMIT");
    return result;
  } catch (error) {
    await db.query("ROLLBACK");
    throw error;
  }
}

async function one(db, query, values) {
  return (await db.query(query, values)).rows[0];
}

function hashed(pin, salt) {
  return pbkdf2Sync(pin, salt, 1000, 32, "sha256");
}

const server = app.listen(port, "127.0.0.1", () => console.log(`The shop is open on port ${port}.`));
server.keepAliveTimeout = 75_000;
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
