// What must not hold the gate of a cut-over: a sidecar that only calls, a replica that was stopped in order, calls that are refused
// already. Each with real Envoys, and with a control that does hold it.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { type ReturnWall, startReturnWall } from '../../support/return-wall.ts';

let wall: ReturnWall;
let ports: readonly number[];

beforeAll(async () => {
  wall = await startReturnWall({ mode: 'permissive' });
  ports = await freePorts(3);
  for (const [at, port] of ports.entries()) {
    await wall.start('api', { dir: `api-${at}`, instance: `i${at}`, inbound: `127.0.0.1:${port}`, drainSeconds: 1 });
  }
}, 60_000);
afterAll(() => wall?.stop());

interface Reason {
  readonly kind: string;
  readonly who: string;
  readonly why: string;
}

/** What the gate has against the mesh's switch to strict, but that it did not look for an hour yet. */
async function reasons(): Promise<readonly Reason[]> {
  const answer = await wall.serve.admin.apply({
    text: wall.documents.replace('mode: permissive', 'mode: strict'),
    since: '1h',
    dryRun: true,
  });
  if (answer.kind === 'invalid') throw new Error(JSON.stringify(answer));
  return answer.reasons.filter(({ why }) => !why.startsWith('its calls are recorded only since'));
}

it('a sidecar that only calls loses nothing of its log: it has none of calls that it takes', async () => {
  await wall.start('web', { countersEveryMs: 1000 });
  await eventually('web calls api', async () => (await wall.call()) === 200 || undefined, 30_000);
  const reported = async (): Promise<number | undefined> => {
    const { proxies } = await wall.serve.admin.proxies();
    return proxies.find(({ service }) => service === 'web')?.crossChecked?.at;
  };
  const before = await eventually('its counters are reported', reported, 20_000);
  for (let call = 0; call < 30; call++) expect(await wall.call()).toBe(200);
  let last = before;
  for (let report = 0; report < 3; report++) {
    last = await eventually('another report', async () => {
      const at = await reported();
      return at !== undefined && at > last ? at : undefined;
    });
  }
  const { proxies } = await wall.serve.admin.proxies();
  const web = proxies.find(({ service }) => service === 'web');
  expect(web?.missing).toBeUndefined();
  expect(web?.crossChecked?.counters['connections']).toBe(0);
  expect((await reasons()).filter(({ who }) => who.includes('/web'))).toEqual([]);
}, 60_000);

it('a replica that was stopped in order holds it no longer than its end takes, nor does one over a restart', async () => {
  const { proxies } = await wall.serve.admin.proxies();
  const nodeOf = (at: number): string => proxies.find(({ node }) => node.endsWith(`~i${at}`))?.node ?? '';
  const nodes = [nodeOf(1), nodeOf(2)];
  const stopped = wall.sidecarOf('api-1');
  await stopped.stop();
  const of = async (node = ''): Promise<readonly Reason[]> => (await reasons()).filter(({ who }) => who === node);
  const ended = performance.now();
  await eventually('it is gone', async () => (await of(nodes[0])).length === 0 || undefined, 5000);
  figure('stoppedReplicaHoldsGateMs', Math.round(performance.now() - ended));
  // The control: one that is killed is waited for, and then is gone as well.
  const killed = wall.sidecarOf('api-2');
  process.kill(killed.envoyPid, 'SIGKILL');
  await eventually('it is missed', async () => (await of(nodes[1])).length > 0 || undefined, 5000);
  await wall.serve.restart();
  expect(await of(nodes[0])).toEqual([]);
  expect(await of(nodes[1])).toHaveLength(1);
}, 60_000);

it('calls that are refused already hold nothing, those that may be refused do', async () => {
  const { chain, key } = await wall.serve.enrol('spiffe://td1/service/web');
  const tls = { certificate: readFileSync(chain, 'utf8'), key: readFileSync(key, 'utf8') };
  const [port = 0] = ports;
  // Refused by its path whoever asks: what the record keeps of it is only that it was odd.
  const status = async (path: string): Promise<number> => (await httpCall({ port, path, tls })).status;
  expect(await status('/a%2f..%2fb')).toBeGreaterThanOrEqual(400);
  const recorded = async (): Promise<boolean> =>
    (await wall.serve.admin.traffic()).traffic.some(
      ({ decision, caller }) => decision === 'denied' && caller === 'mtls',
    );
  await eventually('it is recorded', async () => (await recorded()) || undefined, 10_000);
  expect((await reasons()).filter(({ kind }) => kind === 'caller')).toEqual([]);
  // The control: who is let in without an identity would be cut off.
  await wall.serve.apply(
    wall.documents.replace('{from: [{service: web}]}', '{from: [{service: web}, {anonymous: true}]}'),
  );
  await eventually('plaintext is let in', async () => (await httpCall({ port })).status === 200 || undefined, 10_000);
  await eventually(
    'it holds',
    async () => (await reasons()).some(({ kind }) => kind === 'caller') || undefined,
    10_000,
  );
}, 60_000);
