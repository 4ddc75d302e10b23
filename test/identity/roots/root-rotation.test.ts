// The root of the built-in CA is replaced while a caller and a service talk through real Envoys: no call fails, and everything is under the
// new root.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rootName } from '../../../src/identity/roots/roots-record.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { type ProtocolLoad, protocolLoad } from '../../support/protocol-load.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

const waitMs = 60_000;
let plane: ServeHarness;
let application: Awaited<ReturnType<typeof startHttp1Echo>>;
const sidecars: Sidecar[] = [];
let outbound = 0;

beforeAll(async () => {
  const [inbound = 0, local = 0] = await freePorts(2);
  outbound = local;
  application = await startHttp1Echo();
  plane = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      serviceText('api', 'http1'),
      serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
      policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
    ),
  );
  await sidecar('api', { inbound: `127.0.0.1:${inbound}`, application: `127.0.0.1:${application.port}` });
  await sidecar('web');
  await eventually('api answers', () => answers(), waitMs);
}, 120_000);

afterAll(async () => {
  for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
  await Promise.all(sidecars.map(({ exited }) => exited));
  await application?.stop();
  await plane?.stop();
}, 60_000);

async function sidecar(service: string, at: object = {}): Promise<void> {
  const { token } = await plane.admin.createToken({ service });
  sidecars.push(
    await runSidecar({
      identity: `127.0.0.1:${plane.identityPort}`,
      xds: `127.0.0.1:${plane.xdsPort}`,
      token: new Redacted(token),
      dataDir: join(plane.folder, service),
      ...at,
      ...{ env: process.env, log: silentLog, envoyWords: { write() {} }, drainSeconds: 0 },
    }),
  );
}

async function answers(): Promise<true | undefined> {
  const load = protocolLoad('http1', outbound);
  await new Promise((resolve) => setTimeout(resolve, 200));
  return (await load.end()).fine > 0 || undefined;
}

it('is replaced under load, and nobody notices', async () => {
  const before = await plane.admin.ca();
  const load: ProtocolLoad = protocolLoad('http1', outbound);
  await plane.admin.rotateRoot({ quiet: '1s', reason: 'yearly' });
  const phases = new Set<string>();
  const after = await eventually(
    'the root is replaced',
    async () => {
      const answer = await plane.admin.ca();
      if (answer.rotation !== undefined) phases.add(answer.rotation.phase);
      return answer.last === undefined ? undefined : answer;
    },
    waitMs,
  );
  const { fine, failed } = await load.end();
  figure('requests', fine);
  expect({ failed, outcome: after.last?.outcome, cut: after.last?.cut }).toEqual({
    failed: [],
    outcome: 'rotated',
    cut: [],
  });
  expect(phases).toContain('taint');
  expect(after.roots).toHaveLength(1);
  expect(after.roots[0]?.name).not.toBe(before.roots[0]?.name);
  expect(after.intermediate.root).toBe(after.roots[0]?.name);
  for (const service of ['api', 'web']) {
    const bundle = readFileSync(join(plane.folder, service, 'svid', 'bundle.pem'), 'utf8');
    expect(bundle.match(/BEGIN/g)).toHaveLength(1);
    expect(rootName(bundle)).toBe(after.roots[0]?.name);
  }
  expect((await plane.admin.audit(100)).records.map(({ event }) => event.kind)).toContain('root-rotation');
}, 120_000);
