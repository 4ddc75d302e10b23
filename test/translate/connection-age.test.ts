// Connections end at their age, on either side and in every protocol, and no request is lost by it.
import { Agent, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr, Protocol, ServiceIr, ServiceKey } from '../../src/policy/ir.ts';
import { portKey } from '../../src/policy/ports.ts';
import { type EchoApplication, startHttp1Echo, startHttp2Echo } from '../support/echo-application.ts';
import { meshOf } from '../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument } from './mesh-text.ts';

const api = 'cell-1/api' as ServiceKey;
const web = 'cell-1/web' as ServiceKey;
const ageMs = 1000;
const loadMs = 4000;

let ca: TestCa;
beforeAll(async () => {
  ca = await createTestCa();
});

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops) await stop();
});

test.each<['http1' | 'http2']>([['http1'], ['http2']])('%s', async (protocol) => {
  const application = protocol === 'http1' ? await startHttp1Echo() : await startHttp2Echo();
  stops.push(application.stop);
  const { server, client } = await pair(protocol, application);
  const port = await client.envoy.port(`outbound:${api}`);
  const caller = protocol === 'http1' ? http1Caller(port) : http2Caller(port);
  await vi.waitFor(async () => expect(await caller.call()).toBe(200), { timeout: 10_000 });
  const end = performance.now() + loadMs;
  const answers = new Map<number, number>();
  const loop = async (): Promise<void> => {
    while (performance.now() < end) {
      const status = await caller.call();
      answers.set(status, (answers.get(status) ?? 0) + 1);
    }
  };
  await Promise.all([loop(), loop(), loop(), loop()]);
  caller.close();
  expect([...answers.keys()]).toEqual([200]);
  const made = await stat(client, 'upstream_cx_total', `cluster.outbound_${api}`);
  expect(made).toBeGreaterThanOrEqual(loadMs / ageMs);
  expect(await stat(server, 'upstream_cx_total', 'cluster.inbound')).toBeGreaterThan(0);
});

async function pair(
  protocol: Protocol,
  application: EchoApplication,
): Promise<{ readonly server: TranslatedProxy; readonly client: TranslatedProxy }> {
  const mesh = aged(
    meshOf(
      meshDocument('strict') +
        serviceDocument('api', 'cell-1', `{protocol: ${protocol}}`) +
        serviceDocument('web', 'cell-1', '{protocol: http1, dependsOn: [{service: api, listen: 15001}]}') +
        policyDocument('api', 'cell-1', '{target: {service: api}, action: allow, rules: [{from: [{service: web}]}]}'),
    ),
  );
  const bundles = { roots: ca.root, legacyAnchors: new Map<string, string>() };
  const server = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles },
    {
      spiffeId: id('api'),
      service: api,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    },
    await ca.issue({ uri: id('api') }),
  );
  stops.push(server.stop);
  const port = await server.envoy.port('inbound');
  const client = await startTranslatedProxy(
    { mesh, endpoints: new Map([[portKey(api, 'default'), [{ address: '127.0.0.1', port }]]]), bundles },
    { spiffeId: id('web'), service: web },
    await ca.issue({ uri: id('web') }),
  );
  stops.push(client.stop);
  return { server, client };
}

function id(name: string): SpiffeId {
  const parsed = parseSpiffeId(idOf(name, 'cell-1'));
  if (parsed === undefined) throw new Error(name);
  return parsed;
}

/** Shorter than documents may say, and outbound listeners on free ports. */
function aged(mesh: MeshIr): MeshIr {
  const services = [...mesh.services.values()].map(
    (service): ServiceIr => ({
      ...service,
      ports: service.ports.map((port) => ({ ...port, connectionAgeMs: ageMs })),
      dependsOn: service.dependsOn.map((dependency) => ({ ...dependency, listen: 0 })),
    }),
  );
  return { ...mesh, services: new Map(services.map((service) => [service.key, service])) };
}

interface Caller {
  /** A status; 0 when there was no answer. */
  call(): Promise<number>;
  close(): void;
}

function http1Caller(port: number): Caller {
  const agent = new Agent({ keepAlive: true });
  return {
    call: () =>
      new Promise((resolve) => {
        const one = request({ host: '127.0.0.1', port, agent }, (answer) => {
          answer.resume();
          answer.on('end', () => resolve(answer.statusCode ?? 0));
        });
        one.on('error', () => resolve(0));
        one.end();
      }),
    close: () => agent.destroy(),
  };
}

function http2Caller(port: number): Caller {
  let session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  return {
    call: () =>
      new Promise((resolve) => {
        if (session.closed || session.destroyed) session = connectHttp2(`http://127.0.0.1:${port}`);
        const one = session.request({ ':path': '/' });
        let status = 0;
        one.on('response', (headers) => {
          status = headers[':status'] ?? 0;
        });
        one.on('error', () => resolve(0));
        one.on('close', () => resolve(status));
        one.resume();
        one.end();
      }),
    close: () => session.destroy(),
  };
}

async function stat(proxy: TranslatedProxy, name: string, prefix: string): Promise<number> {
  const text = await (await fetch(`${proxy.envoy.admin}/stats?filter=${name}$`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${prefix}.${name}`));
  return Number(line?.split(': ')[1] ?? 0);
}
