// TCP callers that share a filter chain, when one of them is denied: the other is connected to the application at its first byte, no
// earlier, and is cut once when the denial ends. A real Envoy before a server that speaks first.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { MeshIr, PortIr, ServiceKey } from '../../../src/policy/ir.ts';
import { portOf } from '../../../src/policy/ports.ts';
import { callerChains, callerServerName, maxCallerChains } from '../../../src/translate/inbound/caller-chains.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { meshOf } from '../../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';
import { testId } from '../../support/wall-pair.ts';
import { meshDocument, policyDocument, serviceDocument } from '../../translate/mesh-text.ts';

const greeting = 'greeting\n';
const api = 'cell-1/api' as ServiceKey;
/** CI is busy with other tests. */
const cutWithinMs = qualifying ? 5000 : 10_000;

function meshWith(...denied: readonly string[]): MeshIr {
  const dependsOn = '{protocol: http1, dependsOn: [{service: api, listen: 15001}]}';
  const from = denied.map((name) => `{service: ${name}}`).join(', ');
  return meshOf(
    [
      meshDocument('strict'),
      serviceDocument('api', 'cell-1', '{protocol: tcp}'),
      ...Array.from({ length: maxCallerChains + 1 }, (_, at) => serviceDocument(`c${at}`, 'cell-1', dependsOn)),
      policyDocument('all', 'cell-1', '{target: {service: api}, action: allow, rules: [{from: [{everyone: true}]}]}'),
      ...(denied.length === 0
        ? []
        : [policyDocument('no', 'cell-1', `{target: {service: api}, action: deny, rules: [{from: [${from}]}]}`)]),
    ].join(''),
  );
}
const portOfApi = (mesh: MeshIr): PortIr => {
  const port = portOf(mesh, api);
  if (port === undefined) throw new Error('no api');
  return port;
};
const target = portOfApi(meshWith());
const groups = callerChains(target, meshWith()).map(({ callers }) => callers);
const nameOf = (id = ''): string => id.slice(id.lastIndexOf('/') + 1);
const [loser = '', mate = ''] = (groups.find(({ length }) => length > 1) ?? []).map(nameOf);
const alone = nameOf(groups.find(({ length }) => length === 1)?.[0]);

let application: Server;
let ca: TestCa;
let proxy: TranslatedProxy;
let inbound: number;
const dialled: TLSSocket[] = [];

beforeAll(async () => {
  ca = await createTestCa();
  application = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(greeting);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const port = (application.address() as AddressInfo).port;
  proxy = await startTranslatedProxy(
    inputs(meshWith()),
    {
      spiffeId: testId('api'),
      service: api,
      ports: [
        {
          name: 'default',
          inbound: { address: '127.0.0.1', port: 0 },
          application: { address: '127.0.0.1', port },
        },
      ],
    },
    await ca.issue({ uri: testId('api') }),
  );
  inbound = await proxy.envoy.port('inbound');
}, 60_000);

afterAll(async () => {
  for (const socket of dialled) socket.destroy();
  await proxy?.stop();
  application?.close();
});

function inputs(mesh: MeshIr) {
  return { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map<string, string>() } };
}

/** A connection on which nothing was said yet, as the caller's sidecar opens it. */
async function dial(name: string) {
  const svid = await ca.issue({ uri: testId(name) });
  const socket = connect({
    host: '127.0.0.1',
    port: inbound,
    rejectUnauthorized: false,
    cert: svid.certificate,
    key: svid.key,
    servername: callerServerName(testId(name), target),
  });
  dialled.push(socket);
  let heard = '';
  socket.on('error', () => undefined).setEncoding('utf8');
  socket.on('data', (text: string) => {
    heard += text;
  });
  const ended = once(socket, 'close').then(() => performance.now());
  await once(socket, 'secureConnect');
  return { say: (text: string) => socket.write(text), heard: () => heard, ended };
}

const hears = (call: { heard(): string }, text: string): Promise<void> =>
  vi.waitFor(() => expect(call.heard()).toBe(text), { timeout: 5000 });

/** Of `ended`, after `began`; never waits for longer than is allowed. */
async function cutMs(ended: Promise<number>, began: number): Promise<number> {
  const late = new Promise<number>((resolve) => setTimeout(resolve, 2 * cutWithinMs, Infinity).unref());
  const ms = Math.round((await Promise.race([ended, late])) - began);
  expect(ms).toBeLessThan(cutWithinMs);
  return ms;
}

test('a server that speaks first waits for the first byte of who shares a chain with a denied caller, until the denial ends', {
  timeout: 90_000,
}, async () => {
  expect([loser, mate, alone]).not.toContain('');
  const [ofMate, ofAlone] = [await dial(mate), await dial(alone)];
  await hears(ofMate, greeting);
  await hears(ofAlone, greeting);

  const denied = performance.now();
  proxy.update(inputs(meshWith(loser)));
  figure('mateOfADeniedCutMs', await cutMs(ofMate.ended, denied));
  const waiting = await dial(mate);
  // Whoever comes after it and has a chain of its own is greeted.
  for (let later = 0; later < 3; later++) await hears(await dial(alone), greeting);
  expect(waiting.heard()).toBe('');
  waiting.say('hello');
  await hears(waiting, `${greeting}hello`);
  const refused = await dial(loser);
  refused.say('hello');
  await refused.ended;
  expect(refused.heard()).toBe('');

  const lifted = performance.now();
  proxy.update(inputs(meshWith()));
  figure('mateOfAnAllowedCutMs', await cutMs(waiting.ended, lifted));
  const [again, allowed] = [await dial(mate), await dial(loser)];
  await hears(again, greeting);
  await hears(allowed, greeting);
  // Once: and of a caller with a chain of its own, never.
  again.say('again');
  await hears(again, `${greeting}again`);
  ofAlone.say('still here');
  await hears(ofAlone, `${greeting}still here`);
  expect(proxy.ads.nacks).toEqual([]);
});
