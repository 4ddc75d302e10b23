// Callers whose bytes are no UTF-8, before a real sidecar's Envoy: what they send is recorded like any call, and so is everything that
// stands beside it in the same message of the log. The control: the application itself, which answers the same bytes.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EchoApplication, startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { rawCall } from '../../support/raw-call.ts';
import { policyText, serviceText, workloadText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';

const oncall = 'spiffe://td1/person/oncall';
const mesh = `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}, breakGlass: ["${oncall}"]}`;
const documents = yaml(
  mesh,
  workloadText('oncall', `{identity: {spiffeId: "${oncall}"}}`),
  serviceText('api', 'http1', ', mtls: {mode: permissive}'),
  policyText('api', 'api', 'allow', '[{from: [{anonymous: true}], to: [{path: {prefix: /open}}]}]'),
);

let wall: ServeHarness;
let application: EchoApplication;
let envoy: RunningEnvoy;
let port = 0;

beforeAll(async () => {
  application = await startHttp1Echo();
  [port = 0] = await freePorts(1);
  wall = await startServe(documents);
  envoy = await startSidecarEnvoy(wall, 'spiffe://td1/service/api', {
    variant: 'delta',
    inbound: port,
    application: application.port,
  });
  await eventually(
    'api answers',
    async () => (await rawCall({ port, request: get('/open/first') })) === 200 || undefined,
  );
}, 60_000);
afterAll(async () => {
  await envoy?.stop();
  await wall?.stop();
  await application?.stop();
});

function get(path: string, headers = '', method = 'GET', host = 'test'): string {
  return `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${headers}\r\n`;
}

async function counted(decision: 'allowed' | 'denied', caller?: string): Promise<number> {
  const { traffic } = await wall.admin.traffic();
  const rows = traffic.filter((row) => row.decision === decision && (caller === undefined || row.caller === caller));
  return rows.reduce((sum, { count }) => sum + count, 0);
}

/** No UTF-8: cut short, a lone continuation, too long, a surrogate, beyond Unicode, bytes that never are. */
const odd = [
  '\xc3\x28',
  '\x80',
  '\xc0\xaf',
  '\xe2\x82',
  '\xed\xa0\x80',
  '\xf4\x90\x80\x80',
  '\xff\xfe',
  '\xf0\x28\x8c\x28',
];
const headers = [
  'x-request-id',
  'user-agent',
  'referer',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-envoy-original-path',
  'traceparent',
];
const requests = [
  ...odd.map((bytes) => get('/open/a', `x-request-id: ${bytes}\r\n`)),
  ...headers.flatMap((name) => [get('/open/a', `${name}: ${odd[0]}\r\n`), get('/closed', `${name}: x${odd[5]}y\r\n`)]),
  ...odd.map((bytes) => get(`/open/${bytes}`)),
  ...odd.map((bytes) => get(`/open/?${bytes}`)),
  get('/open/a', '', 'GET', `te${odd[0]}st`),
  get('/open/a', '', `G\xc3T`),
  get('/open/a', `x\xc3: 1\r\n`),
];

test('each is answered as without the wall or refused by it, and no call of others is missing in the record', async () => {
  const others = (): Promise<number> => rawCall({ port, request: get('/open/other', '', 'PUT') });
  const direct = await Promise.all(requests.map((request) => rawCall({ port: application.port, request })));
  expect(direct.filter((status) => status === 200).length).toBeGreaterThan(requests.length / 2);
  const sentPut = requests.length;
  let answered = 0;
  for (const request of requests) {
    const [status] = await Promise.all([rawCall({ port, request }), others()]);
    if (status !== 0) answered++;
  }
  expect(answered).toBe(requests.length);
  const puts = await eventually('every call of others is counted', async () => {
    const { traffic } = await wall.admin.traffic();
    const found = traffic.filter(({ method }) => method === 'PUT').reduce((sum, { count }) => sum + count, 0);
    return found >= sentPut ? found : undefined;
  });
  figure('othersSent', sentPut);
  figure('othersMissing', sentPut - puts);
  expect(puts).toBe(sentPut);
  expect(await counted('denied')).toBeGreaterThanOrEqual(headers.length);
  const answer = await wall.admin.simulate({
    text: yaml(serviceText('api', 'http1', ', mtls: {mode: strict}')),
    since: '1h',
  });
  if (answer.kind !== 'simulation') throw new Error(JSON.stringify(answer));
  // Nothing is unknown on account of them.
  expect(answer.incomplete.flatMap(({ gaps }) => gaps)).toEqual([]);
  expect(await wall.metrics()).toContain('cellwall_access_log_unreadable_total 0');
});

test('a refusal is found by its odd id, with its bytes as escapes', async () => {
  expect(await rawCall({ port, request: get('/closed', 'x-request-id: odd-\xc3(\r\n') })).toBe(403);
  const { recorded } = await eventually('the refusal', () =>
    wall.admin.explainRequest('odd-\\xc3(').catch(() => undefined),
  );
  expect(recorded?.map(({ path }) => path)).toEqual(['/closed']);
});

test('a use of a break-glass identity in the midst of them is in the audit log', async () => {
  const person = await wall.enrol(oncall);
  const tls = { cert: readFileSync(person.chain), key: readFileSync(person.key) };
  const use = rawCall({ port, request: get('/closed', `x-request-id: ${odd[6]}\r\n`), tls });
  await Promise.all(requests.slice(0, 8).map((request) => rawCall({ port, request })));
  expect(await use).toBe(200);
  const record = await eventually('the record', async () => {
    const { records } = await wall.admin.audit();
    return records.find(({ event }) => event['kind'] === 'break-glass-used');
  });
  expect(record.event).toMatchObject({ principal: oncall, service: 'api' });
});

test('odd bytes in a server name stand in the way of nobody', async () => {
  const before = await counted('allowed', 'one-way-tls');
  const tls = { servername: 'caf\u00e9.example' };
  expect(await rawCall({ port, request: get('/open/tls'), tls })).toBe(200);
  await eventually('it is counted', async () => (await counted('allowed', 'one-way-tls')) > before || undefined);
});
