import http from 'k6/http';
import { sleep } from 'k6';
import { Trend } from 'k6/metrics';

const t0Ms = Number(__ENV.T0_NS) / 1e6;
const system = new Trend('storm', true);

export const options = {
  scenarios: {
    storm: {
      executor: 'per-vu-iterations',
      vus: Number(__ENV.STUDENTS),
      iterations: 1,
      maxDuration: '3m',
    },
  },
  summaryTrendStats: ['p(50)', 'p(99)'],
};

export default function () {
  http.get(`${__ENV.URL}/warm`, { tags: { name: 'warm' } });
  sleep(Math.max(t0Ms - Date.now(), 0) / 1000);
  const answer = http.get(`${__ENV.URL}/storm/${__VU}`, { tags: { name: 'storm' } });
  system.add(answer.timings.duration);
  if (__VU === 1) {
    // The burst's CPU time is read to its end.
    sleep(Math.max(t0Ms + Number(__ENV.STAY_S) * 1000 - Date.now(), 0) / 1000);
  }
}
