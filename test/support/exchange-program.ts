// Posts jobs' exchanges at a steady pace: a program of its own, so that nothing else that a test does is in its times. Its orders are the
// JSON of its standard input (steady-exchanges.ts); prints how long each took, how many failed, and its own longest pause.
import { request } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, createSecureContext } from 'node:tls';
import { type ExchangeOrders, type ExchangeTimes, exchangeOrders } from './steady-exchanges.ts';

const { port, roots, bodies, warmUp, everyMs }: ExchangeOrders = exchangeOrders.parse(await json(process.stdin));
// One job does this once. Here it would be most of what this program does, on cores that it shares with who is measured.
const secureContext = createSecureContext({ ca: roots, minVersion: 'TLSv1.3' });
const own = { host: '127.0.0.1', port, secureContext, servername: '', checkServerIdentity: () => undefined };

function post(body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': Buffer.byteLength(body) };
    const options = { method: 'POST', path: '/v1/attest', headers, createConnection: () => connect(own) };
    const asked = request(options, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

for (const body of bodies.slice(0, warmUp)) if ((await post(body)) !== 200) throw new Error('not exchanged');
const pauses = monitorEventLoopDelay({ resolution: 1 });
pauses.enable();
const tookMs: number[] = [];
let failed = 0;
const began = performance.now();
await Promise.all(
  bodies.slice(warmUp).map(async (body, index) => {
    const due = began + index * everyMs;
    await delay(Math.max(0, due - performance.now()));
    const status = await post(body).catch(() => 0);
    // From when it was due: a pause of the control plane, or of ours, counts for all that waited.
    tookMs.push(performance.now() - due);
    if (status !== 200) failed += 1;
  }),
);
const seconds = (performance.now() - began) / 1000;
const times: ExchangeTimes = { tookMs, failed, seconds, pauseMs: pauses.max / 1e6 };
process.stdout.write(JSON.stringify(times));
