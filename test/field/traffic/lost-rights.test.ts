// What is open of who loses a right, or his identity, ends within 5 s, and nobody else's: through a control plane and real sidecars, with
// callers that have a chain of their own, and callers that share one.
import { readFileSync } from 'node:fs';
import { createServer as createHttp1Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { parseSpiffeId } from '../../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../../src/policy/ir.ts';
import { portOf } from '../../../src/policy/ports.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { callerServerName } from '../../../src/translate/inbound/caller-chains.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { type OpenCall, openCall } from '../../support/open-call.ts';
import { meshOf, policyText, problemsOf, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

const kinds = ['http1', 'grpc', 'tcp'] as const;
type Kind = (typeof kinds)[number];
/** Two services with sidecars, three identities without. */
const ids = {
  web: 'spiffe://td1/service/web',
  other: 'spiffe://td1/service/other',
  router: 'spiffe://td1/edge/router',
  mate: 'spiffe://td1/edge/mate',
  guest: 'spiffe://td1/guest/one',
} as const;
type Who = keyof typeof ids;
const cutWithinMs = 5000;

const text = (name: string, spec: string, kind = 'Workload'): string =>
  `kind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}`;
const depends = `, dependsOn: [${kinds.map((kind, at) => `{service: ${kind}, listen: ${15001 + at}}`).join(', ')}]`;
const workload = (who: Who): string =>
  text(who, `{identity: {spiffeId: "${ids[who]}"}, selectors: [{attestor: join-token}]}`);
const everyRule: readonly Who[] = ['web', 'other', 'router', 'mate'];
/** Web may do two things where there are paths, or none of them, or the one that it does not do. */
function policies(rules: readonly Who[], webPaths: readonly string[] = ['/echo', '/more']): string[] {
  return kinds.map((kind) => {
    const rest = kind === 'http1' ? `, to: [${webPaths.map((path) => `{path: {prefix: ${path}}}`).join(', ')}]` : '';
    const each = rules.map((who) => `{from: [{spiffeId: "${ids[who]}"}]${who === 'web' ? rest : ''}}`);
    return policyText(kind, kind, 'allow', `[${[...each, '{from: [{prefix: "spiffe://td1/guest/"}]}'].join(', ')}]`);
  });
}
const documents = yaml(
  text('mesh', '{trustDomain: td1, mtls: {mode: strict}}', 'Mesh'),
  ...kinds.map((kind) => serviceText(kind, kind)),
  serviceText('web', 'http1', depends),
  serviceText('other', 'http1', depends),
  ...(['router', 'mate', 'guest'] as const).map(workload),
  ...policies(everyRule),
);

const applications: Record<Kind, Server> = {
  http1: createHttp1Server((request, response) => {
    response.flushHeaders();
    request.on('error', () => undefined).pipe(response);
  }),
  grpc: createHttp2Server().on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.pipe(stream);
  }),
  tcp: createTcpServer((socket) => void socket.on('error', () => undefined).pipe(socket)),
};
let wall: ServeHarness;
let ports: readonly number[] = [];
const sidecars: Sidecar[] = [];
const svids = new Map<Who, { readonly certificate: string; readonly key: string }>();
const opened: OpenCall[] = [];

beforeAll(async () => {
  ports = await freePorts(kinds.length);
  expect(problemsOf(documents).filter(({ severity }) => severity === 'error')).toEqual([]);
  wall = await startServe(documents);
  for (const [at, kind] of kinds.entries()) {
    const server = applications[kind];
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { token } = await wall.admin.createToken({ service: kind });
    const started = await runSidecar({
      identity: `127.0.0.1:${wall.identityPort}`,
      xds: `127.0.0.1:${wall.xdsPort}`,
      token: new Redacted(token),
      dataDir: join(wall.folder, kind),
      inbound: `127.0.0.1:${ports[at]}`,
      application: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      env: process.env,
      log: silentLog,
      envoyWords: { write() {} },
      drainSeconds: 0,
    });
    sidecars.push(started);
  }
  for (const who of ['web', 'other', 'router', 'mate', 'guest'] as const) {
    const { chain, key } = await wall.enrol(ids[who]);
    svids.set(who, { certificate: readFileSync(chain, 'utf8'), key: readFileSync(key, 'utf8') });
  }
}, 90_000);

afterAll(async () => {
  for (const call of opened) call.close();
  for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
  await Promise.all(sidecars.map(({ exited }) => exited));
  for (const server of Object.values(applications)) server.close();
  await wall.stop();
});

function open(kind: Kind, who: Who): OpenCall {
  const mesh = meshOf(documents);
  const service = portOf(mesh, kind as ServiceKey);
  const id = parseSpiffeId(ids[who]);
  const svid = svids.get(who);
  if (service === undefined || id === undefined || svid === undefined) throw new Error(`${kind} ${who}`);
  const call = openCall({
    ...{ kind: kind === 'tcp' ? 'tcp' : 'stream', port: ports[kinds.indexOf(kind)] ?? 0, svid },
    ...(who === 'web' || who === 'other' ? { serverName: callerServerName(id, service) } : {}),
  });
  opened.push(call);
  return call;
}

/** Of each kind one that lives; while a change arrives, it is tried again. */
async function openAll(who: Who): Promise<readonly OpenCall[]> {
  const lively = async (kind: Kind): Promise<OpenCall> =>
    eventually(
      `${who} calls ${kind}`,
      async () => {
        const call = open(kind, who);
        return call.echo('hello').then(
          () => call,
          () => undefined,
        );
      },
      20_000,
    );
  return Promise.all(kinds.map(lively));
}

async function lives(calls: readonly OpenCall[]): Promise<void> {
  for (const call of calls) await call.echo(`still here ${performance.now()}`);
}

let longestMs = 0;
async function cut(calls: readonly OpenCall[], change: () => Promise<unknown>): Promise<void> {
  await lives(calls);
  const began = performance.now();
  await change();
  const ended = Promise.all(calls.map(async (call) => (await call.ended) - began));
  const late = new Promise<number[]>((resolve) => setTimeout(resolve, 2 * cutWithinMs, [Infinity]).unref());
  const ms = Math.max(...(await Promise.race([ended, late])));
  expect(ms).toBeLessThan(cutWithinMs);
  longestMs = Math.max(longestMs, ms);
  figure('longestCutMs', Math.round(longestMs));
}

const put = (...texts: readonly string[]) => wall.apply(yaml(...texts));
const remove = (...keys: readonly string[]) =>
  wall.admin.apply({ changes: keys.map((key) => ({ op: 'delete' as const, key })) });

test('who loses a right is cut, alone where he has a chain of his own; a restart cuts nobody', {
  timeout: 120_000,
}, async () => {
  const [web, other, router, guest] = [
    await openAll('web'),
    await openAll('other'),
    await openAll('router'),
    await openAll('guest'),
  ];
  const [webHttp, ...webOthers] = web;
  if (webHttp === undefined) throw new Error('nothing open');

  // A restart, a wider rule and an unrelated document: nobody.
  await wall.restart();
  await put(...policies(everyRule, ['/']), serviceText('unrelated'));
  await put(...policies(everyRule));
  // The last of these took "/" away again: it is web's, in HTTP.
  await webHttp.ended;
  await lives([...webOthers, ...other, ...router, ...guest]);

  const again = open('http1', 'web');
  await again.echo('hello');
  await cut([again], () => put(...policies(everyRule, ['/more'])));
  await cut(webOthers, () => put(...policies(everyRule.filter((who) => who !== 'web'))));
  await lives([...other, ...router, ...guest]);

  await cut(router, () => put(...policies(['other', 'mate'])));
  await lives(other);
});

test('a deleted Workload is cut', {
  timeout: 60_000,
}, async () => {
  const [other, guest] = [await openAll('other'), await openAll('guest')];
  await cut(guest, () => remove('Workload/guest'));
  await lives(other);
});

test('who has an evicted host is cut', { timeout: 60_000 }, async () => {
  const [other, mate] = [await openAll('other'), await openAll('mate')];
  await cut(mate, () => wall.admin.evict(ids.mate));
  await lives(other);
});
