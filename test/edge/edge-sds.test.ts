// The load balancer of envoy/edge-sds.yaml, real: it takes its certificate and the bundle by name over SDS, in both variants,
// stands before a strict service, and is rotated without a restart.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EchoApplication, type EchoedRequest, startHttp1Echo } from '../support/echo-application.ts';
import { edgeBootstrap } from '../support/edge-envoy.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { httpCall } from '../support/http-call.ts';
import { createRawXdsClient } from '../support/raw-xds-client.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { startSidecarEnvoy } from '../support/sidecar-envoy.ts';
import { projectRoot } from '../support/source-files.ts';
import { type RunningEnvoy, startEnvoy } from '../support/start-envoy.ts';
import { validateBootstrap } from '../support/validate-bootstrap.ts';

const trustDomain = 'edge.test';
const apiId = `spiffe://${trustDomain}/cell/cell-1/service/api`;
const edgeId = `spiffe://${trustDomain}/edge/ingress`;
const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const documents = `
apiVersion: cellwall/v1
kind: Mesh
metadata: {name: mesh}
spec: {trustDomain: ${trustDomain}}
---
apiVersion: cellwall/v1
kind: Cell
metadata: {name: cell-1}
spec: {id: 1}
---
apiVersion: cellwall/v1
kind: Service
metadata: {name: api, cell: cell-1}
spec: {protocol: http1}
---
apiVersion: cellwall/v1
kind: Workload
metadata: {name: ingress}
spec: {identity: {spiffeId: "${edgeId}"}}
---
apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: {name: api, cell: cell-1}
spec:
  target: {service: api}
  action: allow
  rules: [{from: [{spiffeId: "${edgeId}"}], to: [{path: {prefix: /open}}]}]
`;

let plane: ServeHarness;
let application: EchoApplication;
let api: RunningEnvoy;
let apiPort = 0;

beforeAll(async () => {
  plane = await startServe(documents);
  application = await startHttp1Echo();
  [apiPort = 0] = await freePorts(1);
  api = await startSidecarEnvoy(plane, apiId, { variant: 'delta', inbound: apiPort, application: application.port });
  await api.port('inbound');
}, 60_000);
afterAll(async () => {
  await api?.stop();
  await application?.stop();
  await plane?.stop();
});

test('envoy --mode validate accepts the example', async () => {
  const { dir } = await plane.enrol(edgeId);
  const path = join(dir, 'edge.yaml');
  const text = readFileSync(join(projectRoot, 'envoy/edge-sds.yaml'), 'utf8').replaceAll('/var/lib/cellwall', dir);
  writeFileSync(path, text);
  expect(await validateBootstrap(path)).toBeUndefined();
});

describe.each(['delta', 'sotw'] as const)('%s', (variant) => {
  let edge: RunningEnvoy;
  let port = 0;
  let dir = '';
  beforeAll(async () => {
    ({ dir } = await plane.enrol(edgeId));
    edge = await startEnvoy(edgeBootstrap({ trustDomain, dir, variant, xdsPort: plane.xdsPort, apiPort }));
    port = await edge.port('ingress');
    // Bound at once, open once its secrets are there.
    await eventually('it serves', () => serial().catch(() => undefined));
  }, 30_000);
  afterAll(async () => {
    await edge?.stop();
  });
  const serial = () => serialOf(port, readFileSync(join(dir, 'bundle.pem'), 'utf8'));

  test('serves TLS with its own SVID', async () => {
    expect(await serial()).toMatchObject({
      // The other name is its host's.
      san: expect.stringMatching(new RegExp(`^URI:${edgeId}(, othername:.*)?$`)),
    });
  });

  test('is the ingress of a strict service, which knows it by its identity', async () => {
    const { status, body } = await httpCall({ port, path: '/open/x', tls: {} });
    expect(status).toBe(200);
    const { headers }: EchoedRequest = JSON.parse(body);
    expect(headers['x-cellwall-peer-id']).toBe(edgeId);
    expect((await httpCall({ port, path: '/closed', tls: {} })).status).toBe(403);
  });

  test('is rotated without a restart, and without a lost request', async () => {
    const before = await serial();
    let stop = false;
    const statuses: number[] = [];
    const load = (async () => {
      while (!stop) statuses.push((await httpCall({ port, path: '/open', tls: {} })).status);
    })();
    expect((await plane.admin.rotate(edgeId)).rotated).toBeGreaterThan(0);
    const after = await eventually('another serial', async () => {
      const now = await serial();
      return now.serial === before.serial ? undefined : now;
    });
    stop = true;
    await load;
    expect(after.san).toBe(before.san);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  test('keeps what it has while the control plane is away, and rotates again when it is back', async () => {
    const before = await serial();
    await plane.restart();
    expect(await serial()).toEqual(before);
    await eventually('the edge is back', async () => {
      const { proxies } = await plane.admin.proxies();
      return proxies.find(({ spiffeId, state }) => spiffeId === edgeId && state === 'connected');
    });
    await plane.admin.rotate(edgeId);
    await eventually('another serial', async () => ((await serial()).serial === before.serial ? undefined : true));
  });
});

describe('a name that is not its own', () => {
  test('is never served: the same answer as for one that does not exist', async () => {
    const { dir } = await plane.enrol(edgeId);
    const pem = (name: string): string => readFileSync(join(dir, name), 'utf8');
    const tls = { certificate: pem('svid.pem'), key: pem('key.pem'), root: pem('bundle.pem') };
    const client = createRawXdsClient(plane.xdsPort, tls);
    const service = '/envoy.service.secret.v3.SecretDiscoveryService';
    const node = { id: `${edgeId}~raw` };
    try {
      const delta = client.delta(`${service}/DeltaSecrets`);
      const foreign = [apiId, `spiffe://${trustDomain}/cellwall/server`, 'spiffe://other.test'];
      const none = `spiffe://${trustDomain}/nobody`;
      delta.send({ node, typeUrl: secretType, resourceNamesSubscribe: [edgeId, ...foreign, none] });
      const answer = await delta.next();
      expect(answer.resources.map(({ name }) => name)).toEqual([edgeId]);
      expect(answer.removedResources.toSorted()).toEqual([...foreign, none].toSorted());
      delta.cancel();

      const sotw = client.sotw(`${service}/StreamSecrets`);
      sotw.send({ node, typeUrl: secretType, resourceNames: foreign });
      sotw.send({ node, typeUrl: secretType, resourceNames: [none] });
      sotw.send({ node, typeUrl: secretType, resourceNames: [`spiffe://${trustDomain}`] });
      // The first answer is that of the last request: the names before it had none.
      expect((await sotw.next()).resources).toHaveLength(1);
      sotw.cancel();

      const all = client.delta(`${service}/DeltaSecrets`);
      all.send({ node, typeUrl: secretType, resourceNamesSubscribe: ['*'] });
      const names = (await all.next()).resources.map(({ name }) => name);
      expect(names.toSorted()).toEqual([`spiffe://${trustDomain}`, edgeId].toSorted());
      all.cancel();
    } finally {
      client.close();
    }
  });

  test('of other types it is told nothing, not even that there is nothing', async () => {
    const { dir } = await plane.enrol(edgeId);
    const pem = (name: string): string => readFileSync(join(dir, name), 'utf8');
    const tls = { certificate: pem('svid.pem'), key: pem('key.pem'), root: pem('bundle.pem') };
    const client = createRawXdsClient(plane.xdsPort, tls);
    try {
      const stream = client.sotw();
      const node = { id: `${edgeId}~ads` };
      stream.send({ node, typeUrl: 'type.googleapis.com/envoy.config.listener.v3.Listener' });
      stream.send({ typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' });
      stream.send({ typeUrl: secretType, resourceNames: [edgeId] });
      expect((await stream.next()).typeUrl).toBe(secretType);
      expect(stream.waiting).toEqual([]);
      stream.cancel();
    } finally {
      client.close();
    }
  });

  test('an edge that asks for one never serves with it', async () => {
    const { dir } = await plane.enrol(edgeId);
    const params = { trustDomain, dir, variant: 'delta', xdsPort: plane.xdsPort, apiPort } as const;
    const edge = await startEnvoy(edgeBootstrap({ ...params, secret: apiId }));
    try {
      const port = await edge.port('ingress');
      await expect(serialOf(port, readFileSync(join(dir, 'bundle.pem'), 'utf8'))).rejects.toThrow();
    } finally {
      await edge.stop();
    }
  }, 30_000);
});

/** Serial and names of the certificate that the port shows; its chain must verify. */
function serialOf(port: number, ca: string): Promise<{ readonly serial: string; readonly san: string | undefined }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, checkServerIdentity: () => undefined }, () => {
      const { serialNumber, subjectaltname } = socket.getPeerCertificate();
      resolve({ serial: serialNumber, san: subjectaltname });
      socket.end();
    });
    socket.setTimeout(5000, () => socket.destroy(new Error('no handshake')));
    socket.on('error', reject);
  });
}
