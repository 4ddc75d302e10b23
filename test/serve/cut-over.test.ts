// Permissive to strict and back, on a whole control plane with real sidecars: refused while somebody calls in plaintext, granted when
// nobody did, undone in one step; and what was simulated is what is enforced.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ApplyAnswer } from '../../src/admin/wire.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { httpCall } from '../support/http-call.ts';
import { policyText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

let wall: ServeHarness;
let application: EchoApplication;
let inbound = 0;
let outbound = 0;
const sidecars: Sidecar[] = [];

const mesh = 'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}}';
const api = (mode: string): string => yaml(serviceText('api', 'http1', `, mtls: {mode: ${mode}}`));
const allowWeb = policyText('api', 'api', 'allow', '[{from: [{service: web}]}, {from: [{anonymous: true}]}]');

beforeAll(async () => {
  application = await startHttp1Echo();
  const ports = await freePorts(2);
  [inbound = 0, outbound = 0] = ports;
  wall = await startServe(
    yaml(
      mesh,
      serviceText('api', 'http1', ', mtls: {mode: permissive}'),
      serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
      workloadText('idle', '{identity: {spiffeId: "spiffe://td1/idle"}}'),
      allowWeb,
    ),
  );
  for (const service of ['api', 'web']) {
    const { token } = await wall.admin.createToken({ service });
    sidecars.push(
      await runSidecar({
        identity: `127.0.0.1:${wall.identityPort}`,
        xds: `127.0.0.1:${wall.xdsPort}`,
        token: new Redacted(token),
        dataDir: join(wall.folder, service),
        ...(service === 'api' ? { inbound: `127.0.0.1:${inbound}`, application: `127.0.0.1:${application.port}` } : {}),
        env: process.env,
        log: silentLog,
        envoyWords: { write() {} },
        drainSeconds: 0,
      }),
    );
  }
  await eventually('web calls api', async () => (await mtls()) === 200 || undefined, 30_000);
}, 60_000);

afterAll(async () => {
  await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
  await wall?.stop();
  await application?.stop();
});

const status = (port: number): Promise<number> =>
  httpCall({ port }).then(
    (answer) => answer.status,
    () => 0,
  );
const plaintext = (): Promise<number> => status(inbound);
const mtls = (): Promise<number> => status(outbound);

it('is refused while one plaintext caller is seen, granted after, undone within a second', async () => {
  await eventually('plaintext is let in', async () => (await plaintext()) === 200 || undefined);
  await eventually(
    'it is recorded',
    async () => (await wall.admin.traffic()).traffic.some(({ caller }) => caller === 'plaintext') || undefined,
  );
  const simulated = await wall.admin.simulate({ text: api('strict'), since: '1h' });
  expect(simulated).toMatchObject({
    newlyDenied: [{ service: 'api', caller: 'plaintext', peer: '127.0.0.1', by: 'handshake' }],
    newlyAllowed: [],
    cannotTell: [],
  });
  const refused = await wall.admin.apply({ text: api('strict'), since: '1h' });
  expect(refused).toMatchObject({ kind: 'invalid', problems: [], hint: expect.stringContaining('--force') });
  const reasons = 'reasons' in refused ? (refused.reasons ?? []) : [];
  expect(reasons.find(({ kind }) => kind === 'caller')).toMatchObject({
    service: 'api',
    who: 'plaintext, 127.0.0.1',
    count: expect.any(Number),
    lastSeen: expect.any(Number),
  });
  // Nobody looked for an hour yet.
  expect(reasons.find(({ kind }) => kind === 'record')).toMatchObject({ who: 'api' });
  expect(reasons.every(({ kind }) => kind === 'caller' || kind === 'record')).toBe(true);

  const granted = await eventually('nobody called in plaintext for a second', async () => {
    expect(await mtls()).toBe(200);
    const answer = await wall.admin.apply({ text: api('strict'), since: '1s' });
    return answer.kind === 'applied' ? answer : undefined;
  });
  expect(granted.reasons).toEqual([]);
  await eventually('plaintext is refused', async () => (await plaintext()) === 0 || undefined);
  expect(await mtls()).toBe(200);

  expect(await wall.admin.rollback({})).toMatchObject({ kind: 'applied', changed: ['Service/api'] });
  await eventually('plaintext is let in again', async () => (await plaintext()) === 200 || undefined);
});

it('is forced with a record of the reasons', async () => {
  await eventually('plaintext is recorded', async () => {
    await plaintext();
    const answer = await wall.admin.apply({ text: api('strict'), since: '1m', dryRun: true });
    return (answer.kind === 'dry-run' && answer.reasons.some(({ kind }) => kind === 'caller')) || undefined;
  });
  const forced = await wall.admin.apply({ text: api('strict'), since: '1m', force: true });
  expect(forced).toMatchObject({ kind: 'applied' } satisfies Partial<ApplyAnswer>);
  const { records, intact } = await wall.admin.audit();
  expect(intact).toBe(true);
  expect(records.map(({ event }) => event)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        kind: 'cut-over-forced',
        services: ['api'],
        reasons: expect.arrayContaining([expect.stringContaining('plaintext, 127.0.0.1')]),
      }),
      expect.objectContaining({ kind: 'rolled-back' }),
    ]),
  );
  const { revisions } = await wall.admin.history();
  expect(revisions[0]).toMatchObject({ author: 'operator', changed: [{ key: 'Service/api', op: 'update' }] });
  await wall.admin.rollback({});
});

it('is held back in an edited file while somebody calls in plaintext, the deny beside it is not', async () => {
  const file = join(wall.folder, 'documents', 'all.yaml');
  const before = readFileSync(file, 'utf8');
  await eventually('plaintext is let in', async () => (await plaintext()) === 200 || undefined);
  const strict = before.replace('http1, mtls: {mode: permissive}', 'http1, mtls: {mode: strict}');
  const deny = policyText('no-web', 'api', 'deny', '[{from: [{service: web}]}]');
  writeFileSync(file, `${strict}---\n${yaml(deny)}`);
  const problem = await eventually('the caller is named', async () => {
    const { problems } = await wall.admin.status();
    return problems.find(({ message }) => message.includes('plaintext, 127.0.0.1'));
  });
  expect(problem).toMatchObject({ code: 'cut-over-held', source: { file: 'all.yaml' } });
  await eventually('the deny holds', async () => (await mtls()) === 403 || undefined);
  expect(await plaintext()).toBe(200);
  writeFileSync(file, before);
  await eventually('all is well again', async () => (await mtls()) === 200 || undefined);
  expect((await wall.admin.status()).problems).toEqual([]);
}, 20_000);

it('remembers, after a restart, what was seen and when nobody looked', async () => {
  const before = (await wall.admin.traffic()).traffic.filter(({ caller }) => caller === 'plaintext');
  expect(before.length).toBeGreaterThan(0);
  await wall.restart();
  await eventually('the proxies are back', async () => {
    const { proxies } = await wall.admin.proxies();
    return proxies.filter(({ state }) => state === 'connected').length === 2 || undefined;
  });
  const after = (await wall.admin.traffic()).traffic.filter(({ caller }) => caller === 'plaintext');
  const sum = (rows: readonly { readonly count: number }[]): number => rows.reduce((all, { count }) => all + count, 0);
  expect(sum(after)).toBeGreaterThanOrEqual(sum(before));
  const answer = await wall.admin.apply({ text: api('strict'), since: '1m', dryRun: true });
  const gaps = answer.kind === 'dry-run' ? answer.reasons.filter(({ kind }) => kind === 'record') : [];
  expect(gaps).toContainEqual(expect.objectContaining({ why: 'was not connected: what it saw is not known until' }));
});
