// A service with two ports, whole: a control plane, its sidecar, a caller's, and real Envoys. Each port is reached, recorded, judged and
// shown by itself.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import type { SidecarOptions } from '../../src/sidecar/sidecar-options.ts';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { httpCall } from '../support/http-call.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

let plane: ServeHarness;
let api: EchoApplication;
let manage: EchoApplication;
let listen: { readonly api: number; readonly manage: number; readonly toApi: number; readonly toManage: number };
const sidecars: Sidecar[] = [];

/** `topology` in permissive mode; `manage` has its application's port from the documents. */
const documents = (more = ''): string => `
apiVersion: cellwall/v1
kind: Mesh
metadata: {name: mesh}
spec: {trustDomain: td1, mtls: {mode: permissive}}
---
apiVersion: cellwall/v1
kind: Service
metadata: {name: topology}
spec:
  ports:
    - {name: api, protocol: http1}
    - {name: manage, protocol: http1, app: ${manage.port}}${more}
---
apiVersion: cellwall/v1
kind: Service
metadata: {name: web}
spec:
  protocol: http1
  dependsOn:
    - {service: topology, port: api, listen: ${listen.toApi}}
    - {service: topology, port: manage, listen: ${listen.toManage}}
---
apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: {name: reads}
spec:
  target: {service: topology, port: manage}
  action: allow
  rules: [{from: [{service: web}], to: [{methods: [GET]}]}]
`;

async function sidecar(service: string, options: Pick<SidecarOptions, 'ports'>): Promise<Sidecar> {
  const spiffeId = `spiffe://td1/service/${service}`;
  const { token } = await plane.admin.createToken({ spiffeId });
  const started = await runSidecar({
    identity: `127.0.0.1:${plane.identityPort}`,
    xds: `127.0.0.1:${plane.xdsPort}`,
    dataDir: join(plane.folder, service),
    token: new Redacted(token),
    drainSeconds: 0,
    env: process.env,
    log: silentLog,
    envoyWords: { write() {} },
    ...options,
  });
  sidecars.push(started);
  return started;
}

const status = async (port: number, method = 'GET'): Promise<number> => {
  try {
    return (await httpCall({ port, method, path: '/v1', headers: { host: 'localhost' } })).status;
  } catch {
    return 0;
  }
};

beforeAll(async () => {
  [api, manage] = [await startHttp1Echo(), await startHttp1Echo()];
  const [a = 0, b = 0, c = 0, d = 0] = await freePorts(4);
  listen = { api: a, manage: b, toApi: c, toManage: d };
  plane = await startServe(documents());
  await sidecar('topology', {
    ports: [
      { name: 'api', inbound: `127.0.0.1:${listen.api}`, application: `127.0.0.1:${api.port}` },
      { name: 'manage', inbound: `127.0.0.1:${listen.manage}` },
    ],
  });
  await sidecar('web', {});
  await eventually(
    'a call of both ports',
    async () => (await status(listen.toApi)) + (await status(listen.toManage)) === 400,
    30_000,
  );
}, 60_000);

afterAll(async () => {
  for (const one of sidecars) await one.stop();
  await plane.stop();
  await Promise.all([api.stop(), manage.stop()]);
}, 30_000);

test('each port has its own rules: one is open as permissive services are, the other is not', async () => {
  expect(await status(listen.toApi, 'DELETE')).toBe(200);
  expect(await status(listen.toManage, 'DELETE')).toBe(403);
  // In plaintext, past the caller's sidecar.
  expect(await status(listen.api)).toBe(200);
  expect(await status(listen.manage)).toBe(403);
});

test('what is recorded, shown and held against strict says which port', async () => {
  const wanted = [
    'manage plaintext denied',
    'api plaintext allowed',
    'api mtls allowed',
    'manage mtls allowed',
    'manage mtls denied',
  ];
  await eventually('a record of both', async () => {
    const { traffic } = await plane.admin.traffic();
    const found = traffic.map(({ port, caller, decision }) => `${port} ${caller} ${decision}`);
    return wanted.every((one) => found.includes(one));
  });
  const { services } = await plane.admin.services();
  const topology = services.find(({ service }) => service === 'topology');
  expect(topology?.ports).toEqual([
    { name: 'api', protocol: 'http1' },
    { name: 'manage', protocol: 'http1' },
  ]);
  const held = topology?.cutOver?.reasons.filter(({ kind }) => kind === 'caller').map(({ port }) => port);
  expect(held).toEqual(['api']);
  const proxy = await eventually('its helper has told of its application', async () => {
    const { proxies } = await plane.admin.proxies();
    const found = proxies.find(({ service }) => service === 'topology');
    return found?.ports?.some(({ applicationState }) => applicationState !== undefined) ? found : undefined;
  });
  expect(proxy).not.toHaveProperty('inbound');
  expect(proxy?.ports).toMatchObject([
    {
      name: 'api',
      inbound: { port: listen.api },
      application: { port: api.port },
      applicationState: { answers: true },
    },
    { name: 'manage', inbound: { port: listen.manage } },
  ]);
  const answer = await plane.admin.explain({ caller: 'web', target: 'topology:manage', method: 'DELETE' });
  expect(answer).toMatchObject({ decision: 'denied', port: 'manage' });
  expect(answer.enforced?.accepted).toHaveLength(1);
});

test('a port that documents add is recorded since then, and told where no proxy stands before it', async () => {
  await plane.apply(documents('\n    - {name: late, protocol: tcp}'));
  const late = await eventually('the new port', async () => {
    const { services } = await plane.admin.services();
    return services.find(({ ports }) => ports?.some(({ name }) => name === 'late'));
  });
  expect(late.ports).toHaveLength(3);
  await plane.apply(
    documents()
      .replace('name: api, protocol: http1', 'name: other, protocol: http1')
      .replace('port: api', 'port: other'),
  );
  const proxy = await eventually('what the sidecar says of a port that is not there', async () => {
    const { proxies } = await plane.admin.proxies();
    const found = proxies.find(({ service }) => service === 'topology')?.ports?.find(({ name }) => name === 'api');
    return found?.notRegistered === undefined ? undefined : found;
  });
  expect(proxy.notRegistered).toBe('topology has no port "api" (it has: other, manage)');
  await plane.apply(documents());
  await eventually(
    'both ports again',
    async () => (await status(listen.toApi)) === 200 && (await status(listen.toManage)) === 200,
  );
});

test('endpoints of every port outlive a restart of the control plane', async () => {
  await plane.restart(async () => {
    expect([await status(listen.toApi), await status(listen.toManage)]).toEqual([200, 200]);
  });
  const { proxies } = await eventually('the proxies', async () => {
    const answer = await plane.admin.proxies();
    const there = answer.proxies.length === 2 && answer.proxies.every(({ state }) => state === 'connected');
    return there ? answer : undefined;
  });
  expect(proxies.find(({ service }) => service === 'topology')?.ports).toHaveLength(2);
  expect([await status(listen.toApi), await status(listen.toManage)]).toEqual([200, 200]);
});
