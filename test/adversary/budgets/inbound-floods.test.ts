// W, with an SVID and without rights, and N, in plaintext at a permissive port, flood a service's inbound port with HTTP/2 frames on many
// connections: streams that are opened and reset at once (CVE-2023-44487) above all. What a connection may have worked off at once is
// bounded, so an allowed caller's calls are answered meanwhile. The control is the port as it was, whose turns were 1 MiB long.
import { readFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isMessage } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import type { TranslatedResource } from '../../../src/translate/proxy.ts';
import { resets as limits, turnBytes } from '../../../src/translate/wire/http-limits.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { type FloodOrders, floodHttp2 } from '../../support/flood-http2.ts';
import { headerBlock } from '../../support/raw-http2.ts';
import { startWallPair, type WallPair } from '../../support/wall-pair.ts';

const short = { connections: 10, times: 5000 };
const size = qualifying ? { connections: 20, times: 20_000 } : short;
/** Each over a connection that is there already. */
const callers = 4;
const application = createServer((asked, answer) => {
  asked.resume();
  answer.end('ok');
});
let now: WallPair;
let before: WallPair;

beforeAll(async () => {
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const { port } = application.address() as AddressInfo;
  const options = { api: 'protocol: http1', application: { address: '127.0.0.1', port }, mode: 'permissive' } as const;
  const noGuard = {
    layers: [{ name: 'no guard', static_layer: { 'overload.premature_reset_total_stream_count': 1e9 } }],
  };
  [now, before] = await Promise.all([
    startWallPair(options),
    startWallPair({ ...options, resources: withLongTurns, layeredRuntime: noGuard }),
  ]);
}, 60_000);
afterAll(async () => {
  await now?.stop();
  await before?.stop();
  application.close();
});

function withLongTurns(resources: readonly TranslatedResource[]): readonly TranslatedResource[] {
  return resources.map((resource) => {
    if (!isMessage(resource.message, ListenerSchema)) return resource;
    const { perConnectionBufferLimitBytes: _, ...message } = resource.message;
    return { ...resource, message };
  });
}

/** As short as a request can be: a POST of "/" at "api", from the static table. */
const shortest = '8387840103617069';
const reset = { type: 3, flags: 0, stream: 'next', payload: '00000008' } as const;
type Flood = Pick<FloodOrders, 'frames' | 'request'>;
const resets: Flood = { frames: [{ type: 1, flags: 4, stream: 'next', payload: shortest }, reset] };
const long = headerBlock([['x', 'y'.repeat(400)]]).toString('hex');
const longAndReset: Flood = { frames: [{ type: 1, flags: 4, stream: 'next', payload: shortest + long }, reset] };

interface Beside {
  readonly failed: number;
  readonly slowestMs: number;
  readonly p99Ms: number;
  readonly ended: number;
  /** Streams that Envoy took of a connection of the flood. */
  readonly streams: number;
  readonly processorMs: number;
}

async function beside(
  pair: WallPair,
  flood: Flood,
  svid: 'with an SVID' | 'in plaintext',
  { connections, times } = size,
): Promise<Beside> {
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  const call = (): Promise<number> =>
    new Promise((resolve) => {
      const asked = request({ host: '127.0.0.1', port: pair.outbound, path: '/a', agent }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      });
      asked.on('error', () => resolve(0)).end();
    });
  await eventually('it is answered', async () => (await call()) === 200);
  await Promise.all(Array.from({ length: callers }, call));
  const [resetBefore, processorBefore] = [await count(pair, 'http2.rx_reset'), processorMs(pair)];
  const orders: FloodOrders = { ...flood, port: pair.inbound, connections, times };
  let over = false;
  const flooding = (async () =>
    floodHttp2(svid === 'in plaintext' ? orders : { ...orders, svid: await pair.svid('nobody') }))().finally(() => {
    over = true;
  });
  const waits: number[] = [];
  let failed = 0;
  const loop = async (): Promise<void> => {
    while (!over) {
      const began = performance.now();
      if ((await call()) !== 200) failed++;
      waits.push(performance.now() - began);
    }
  };
  const [{ ended }] = await Promise.all([flooding, ...Array.from({ length: callers }, loop)]);
  agent.destroy();
  const sorted = waits.toSorted((one, other) => one - other).map(Math.round);
  return {
    failed,
    slowestMs: sorted.at(-1) ?? 0,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    ended,
    streams: ((await count(pair, 'http2.rx_reset')) - resetBefore) / connections,
    processorMs: processorMs(pair) - processorBefore,
  };
}

async function count({ server }: WallPair, name: string): Promise<number> {
  const text = await (await fetch(`${server.envoy.admin}/stats?filter=^${name}$`)).text();
  return Number(text.split(': ')[1] ?? 0);
}

/** Of api's Envoy, so far. */
function processorMs({ server }: WallPair): number {
  const [user, system] = (readFileSync(`/proc/${server.envoy.pid}/stat`, 'utf8').split(') ')[1] ?? '')
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) * 10;
}

/** The burst, what comes again meanwhile, and a turn: no stream is shorter than two frames and three bytes of headers. */
const mostOfConnection = Number(limits.anybody.streamResetBurst) * 1.5 + turnBytes / (9 + 3 + 13);

test.each([
  ['reset', resets, 'with an SVID'],
  ['reset', resets, 'in plaintext'],
  ['long, and reset', longAndReset, 'with an SVID'],
] as const)(
  'streams that are %s: calls are answered meanwhile (%#)',
  { timeout: 120_000 },
  async (what, flood, svid) => {
    const { failed, slowestMs, p99Ms, ended, streams, processorMs } = await beside(now, flood, svid);
    const name = `${what}, ${svid}`;
    figure(`failed (${name})`, failed);
    figure(`p99Ms (${name})`, p99Ms);
    figure(`slowestMs (${name})`, slowestMs);
    figure(`streamsOfConnection (${name})`, streams);
    figure(`processorMs (${name})`, processorMs);
    expect(failed).toBe(0);
    expect(ended).toBe(size.connections);
    // Whatever else the machine does meanwhile; it is what others wait for at most.
    expect(processorMs).toBeLessThan(3000);
    expect(streams).toBeGreaterThan(0);
    expect(streams).toBeLessThan(mostOfConnection);
  },
);

test('control: with turns of 1 MiB all of it is worked off before a connection ends', {
  timeout: 120_000,
}, async () => {
  const bounded = await beside(now, resets, 'with an SVID', short);
  const { slowestMs, failed, streams, processorMs } = await beside(before, resets, 'with an SVID', short);
  figure('control: slowestMs', slowestMs);
  figure('control: failed', failed);
  figure('control: streamsOfConnection', streams);
  figure('control: processorMs', processorMs);
  expect(streams).toBe(short.times);
  expect(processorMs).toBeGreaterThan(2.5 * bounded.processorMs);
});

const own = headerBlock([['x', 'y']]).toString('hex');
test.each<readonly [string, Flood]>([
  ['PING', { frames: [{ type: 6, flags: 0, stream: 0, payload: '0011223344556677' }] }],
  ['SETTINGS', { frames: [{ type: 4, flags: 0, stream: 0, payload: '' }] }],
  ['PRIORITY', { frames: [{ type: 2, flags: 0, stream: 'next', payload: '0000000010' }] }],
  ['WINDOW_UPDATE', { frames: [{ type: 8, flags: 0, stream: 0, payload: '00000001' }] }],
  ['DATA without data', { frames: [{ type: 0, flags: 0, stream: 1, payload: '' }], request: shortest }],
  [
    'CONTINUATION',
    {
      frames: [
        { type: 1, flags: 0, stream: 1, payload: shortest },
        { type: 9, flags: 0, stream: 1, payload: own },
      ],
    },
  ],
  ['unknown frames', { frames: [{ type: 200, flags: 0, stream: 0, payload: '' }] }],
])('%s without an end: calls are answered meanwhile', { timeout: 60_000 }, async (what, flood) => {
  const { failed, p99Ms, slowestMs, processorMs } = await beside(now, flood, 'with an SVID');
  figure(`failed (${what})`, failed);
  figure(`p99Ms (${what})`, p99Ms);
  figure(`slowestMs (${what})`, slowestMs);
  figure(`processorMs (${what})`, processorMs);
  expect(failed).toBe(0);
});
