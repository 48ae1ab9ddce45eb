// The shop's connections to PostgreSQL, and their figures for Prometheus.

import pg from "pg";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

const size = process.env.SHOP_FAULT === "small_pool" ? 1 : 20;
const timeoutMs = 2000;

export const pool = new pg.Pool({
  connectionString: process.env.SHOP_DSN,
  max: size,
  idleTimeoutMillis: 0,
  connectionTimeoutMillis: timeoutMs,
});

export const register = new Registry();
collectDefaultMetrics({ register });

function gauge(name, help, read) {
  new Gauge({ name, help, registers: [register], collect() { this.set(read()); } });
}

gauge("pg_pool_max", "Connections there may be.", () => size);
gauge("pg_pool_total_count", "Connections that are open.", () => pool.totalCount);
gauge("pg_pool_idle_count", "Connections that nobody uses.", () => pool.idleCount);
gauge("pg_pool_waiting_count", "Requests that wait for a connection.", () => pool.waitingCount);
const waits = new Histogram({
  name: "pg_pool_wait_seconds",
  help: "How long requests waited for a connection.",
  buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5],
  registers: [register],
});
const timeouts = new Counter({
  name: "pg_pool_timeouts_total",
  help: "Waits for a connection that ran out.",
  registers: [register],
});

// Hold a connection for as long as `use` takes, and give it back: also when it fails, unless
// `isForgotten` says of the error that somebody forgot to.
export async function withConnection(use, isForgotten = () => false) {
  const db = await connected();
  let forgotten = false;
  try {
    return await use(db);
  } catch (error) {
    forgotten = isForgotten(error);
    throw error;
  } finally {
    if (!forgotten) db.release();
  }
}

async function connected() {
  const stop = waits.startTimer();
  try {
    return await pool.connect();
  } catch (error) {
    timeouts.inc();
    throw Object.assign(error, { status: 503 });
  } finally {
    stop();
  }
}
