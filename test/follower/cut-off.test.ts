// A cell with a control plane of its own, cut off from its parent for longer than its certificates last: calls between real Envoys go on,
// sidecars start again, the cell's own documents change; and it takes up what it missed within 5 s of the cable's return.
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { layCable } from '../support/cable.ts';
import { startHttp1Echo, startTcpEcho } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { startGrpcBackend } from '../support/grpc-unary.ts';
import { httpCall } from '../support/http-call.ts';
import { protocolLoad } from '../support/protocol-load.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

const lifetimeSeconds = qualifying ? 20 : 8;
const lifetimes = qualifying ? 3 : 1.2;
const convergeMs = qualifying ? 5000 : 15_000;
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function startAt(plane: ServeHarness) {
  return async (service: string, ports: { inbound?: number; application?: number } = {}, token?: string) => {
    const at = (port: number): string => `127.0.0.1:${port}`;
    const { inbound, application } = ports;
    const sidecar = await runSidecar({
      ...{ identity: at(plane.identityPort), xds: at(plane.xdsPort), dataDir: join(plane.folder, service) },
      ...(token === undefined ? {} : { token: new Redacted(token) }),
      ...(inbound === undefined ? {} : { inbound: at(inbound) }),
      ...(application === undefined ? {} : { application: at(application) }),
      ...{ env: process.env, log: silentLog, envoyWords: { write() {} }, drainSeconds: 0 },
    });
    closers.push(() => end(sidecar));
    return sidecar;
  };
}

async function end({ envoyPid, exited }: Sidecar): Promise<void> {
  try {
    process.kill(envoyPid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
  await exited;
}

it('goes on, rotates, takes sidecars and its own changes, and converges', async () => {
  const applications = [await startHttp1Echo(), await startGrpcBackend(), await startTcpEcho()];
  for (const application of applications) closers.push(() => application.stop());
  const [http = 0, grpc = 0, tcp = 0, other = 0, ...inbounds] = await freePorts(7);
  const protocols = [
    ['http1', http],
    ['grpc', grpc],
    ['tcp', tcp],
  ] as const;
  const callers = protocols.map(([protocol, listen]) => `{service: ${protocol}, listen: ${listen}}`);
  const parent = await startServe(
    yaml(
      `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}, svid: {lifetime: ${lifetimeSeconds}s}}`,
      'kind: Cell\nmetadata: {name: cell-1}\nspec: {id: 1, controlPlane: {localChanges: parent-wins}}',
      ...protocols.map(([protocol]) => serviceText(`cell-1/${protocol}`, protocol)),
      ...protocols.map(([protocol]) =>
        policyText(`cell-1/${protocol}`, protocol, 'allow', '[{from: [{service: cell-1/web}]}]'),
      ),
      serviceText('cell-1/web', 'http1', `, dependsOn: [${callers.join(', ')}]`),
      serviceText('cell-1/late', 'http1', `, dependsOn: [{service: http1, listen: ${other}}]`),
    ),
  );
  closers.push(() => parent.stop());
  const cable = await layCable(parent.identityPort);
  closers.push(() => cable.close());
  const { token } = await parent.admin.createToken({ spiffeId: 'spiffe://td1/cellwall/follower/cell-1' });
  const cell = await startServe('', { parent: { addresses: `127.0.0.1:${cable.port}`, token: new Redacted(token) } });
  closers.push(() => cell.stop());
  const start = startAt(cell);
  const join = async (service: string) => (await cell.admin.createToken({ service: `cell-1/${service}` })).token;
  for (const [index, [protocol]] of protocols.entries()) {
    const application = applications[index]?.port ?? 0;
    await start(protocol, { inbound: inbounds[index] ?? 0, application }, await join(protocol));
  }
  await start('web', {}, await join('web'));
  const late = await start('late', {}, await join('late'));
  const works = async (): Promise<true | undefined> => {
    const loads = protocols.map(([protocol, port]) => protocolLoad(protocol, port));
    await eventually('calls', () => loads.every((load) => load.fine() > 2) || undefined, 3000).catch(() => undefined);
    const ends = await Promise.all(loads.map((load) => load.end()));
    return ends.every(({ fine, failed }) => fine > 2 && failed.length === 0) ? true : undefined;
  };
  await eventually('calls work', works, 40_000);
  /** 0: nobody listens yet. */
  const lateCall = (): Promise<number> =>
    httpCall({ port: other }).then(
      ({ status }) => status,
      () => 0,
    );
  await eventually('others are denied', async () => (await lateCall()) === 403 || undefined, 20_000);
  const serials = async () =>
    (await cell.admin.certificates()).certificates.flatMap(({ spiffeId, purpose, serial }) =>
      purpose === 'svid-pushed' && spiffeId.endsWith('/http1') ? [serial] : [],
    );

  const loads = protocols.map(([protocol, port]) => protocolLoad(protocol, port));
  cable.cut();
  const cutAt = performance.now();
  const before = await serials();
  // Meanwhile at the parent: unknown here.
  await parent.apply(yaml(serviceText('missed')));
  // A sidecar is started again, without a token.
  await end(late);
  await start('late');
  // A change of the cell's own documents.
  await cell.apply(
    yaml(policyText('cell-1/http1', 'http1', 'allow', '[{from: [{service: cell-1/web}, {service: cell-1/late}]}]')),
  );
  await eventually('the cell’s own change is in force', async () => (await lateCall()) === 200 || undefined, 20_000);
  await eventually(
    'it was cut off for long enough',
    () => performance.now() - cutAt >= lifetimes * lifetimeSeconds * 1000 || undefined,
    lifetimes * lifetimeSeconds * 1000 + 1000,
  );
  const after = await serials();
  expect(after.some((serial) => before.includes(serial))).toBe(false);
  expect(JSON.stringify(await cell.admin.documents())).not.toContain('missed');

  cable.mend();
  const mendedAt = performance.now();
  await eventually(
    'it has what it missed',
    async () => JSON.stringify(await cell.admin.documents()).includes('Service/missed') || undefined,
    30_000,
  );
  const converged = performance.now() - mendedAt;
  expect(await lateCall()).toBe(200);
  const ends = await Promise.all(loads.map((load) => load.end()));
  const calls = ends.reduce((sum, { fine }) => sum + fine, 0);
  figure('calls', calls);
  figure('failedCalls', ends.flatMap(({ failed }) => failed).length);
  figure('lifetimesAlone', lifetimes);
  figure('convergedMs', Math.round(converged));
  expect(ends.flatMap(({ failed }) => failed)).toEqual([]);
  expect(calls).toBeGreaterThan(50);
  expect(converged).toBeLessThan(convergeMs);
}, 240_000);
