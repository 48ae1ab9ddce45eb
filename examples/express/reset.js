// Puts the shop back to before the sale: all visitors, all seats free.

import { pbkdf2Sync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

import pg from "pg";

const fault = process.env.SHOP_FAULT ?? "";
const seats = Number(process.env.SHOP_SEATS ?? 60);
const roster = new URL("../roster.csv", import.meta.url);

const oneEach = fault === "second_ticket" ? "" : "UNIQUE";
const schema = `
DROP TABLE IF EXISTS shows, visitors, seats;
CREATE TABLE shows (seats int, opens_s double precision);
CREATE TABLE visitors (id serial PRIMARY KEY, email text UNIQUE, salt bytea, pin_hash bytea,
  is_subscriber boolean);
CREATE TABLE seats (code text PRIMARY KEY, number int, visitor int ${oneEach} REFERENCES visitors,
  sold_ms bigint);
`;

const db = new pg.Client({ connectionString: process.env.SHOP_DSN });
await db.connect();
await db.query(schema);
// When the sale opens is set later, by a request; or it is given here, and known from the start.
await db.query("INSERT INTO shows VALUES ($1, $2)", [seats, openingS(process.env.SHOP_OPENS_AT)]);
const [, ...lines] = readFileSync(roster, "utf8").trim().split("\n");
for (const [email, pin, enrolled] of lines.map((line) => line.split(","))) {
  const salt = randomBytes(16);
  await db.query(
    "INSERT INTO visitors (email, salt, pin_hash, is_subscriber) VALUES ($1, $2, $3, $4)",
    [email, salt, pbkdf2Sync(pin, salt, 1000, 32, "sha256"), enrolled === "1"],
  );
}
await db.end();

function openingS(text) {
  return text ? Date.parse(text) / 1000 : null;
}
