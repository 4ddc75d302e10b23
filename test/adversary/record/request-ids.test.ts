// W, a workload without rights, forges the request ids of others, in what it sends and in what its own proxy reports, before and after
// them: the id that a refused caller was told leads to that caller's refusal, and to nothing of W's. The control: the application
// itself gets the callers' ids as they sent them, with the wall and without.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Explanation } from '../../../src/admin/wire.ts';
import type { FetchedSvid } from '../../../src/sidecar/svid/svid-fetch.ts';
import { type EchoApplication, startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { createLogClient, httpEntry, httpLogs, identifier } from '../../support/log-stream.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';

const trace = 'trace-of-the-victim';
const [web, w] = ['spiffe://td1/service/web', 'spiffe://td1/service/w'];
const documents = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
  ...['api', 'web', 'w'].map((name) => serviceText(name)),
  policyText('api', 'api', 'allow', '[{from: [{service: web}], to: [{path: {prefix: /open}}]}]'),
);

let wall: ServeHarness;
let application: EchoApplication;
let envoy: RunningEnvoy;
let port = 0;
let attacker: FetchedSvid;
let victims: Agent;
let attackers: Agent;

const agentOf = ({ chain, key }: FetchedSvid): Agent =>
  new Agent({
    keepAlive: true,
    maxSockets: 4,
    cert: readFileSync(chain),
    key: readFileSync(key),
    rejectUnauthorized: false,
    servername: '',
  });

beforeAll(async () => {
  application = await startHttp1Echo();
  [port = 0] = await freePorts(1);
  wall = await startServe(documents);
  envoy = await startSidecarEnvoy(wall, 'spiffe://td1/service/api', {
    variant: 'delta',
    inbound: port,
    application: application.port,
  });
  attacker = await wall.enrol(w);
  [victims, attackers] = [agentOf(await wall.enrol(web)), agentOf(attacker)];
  await eventually('api answers', async () => (await call(victims, '/open').catch(() => undefined))?.status === 200);
}, 60_000);
afterAll(async () => {
  victims?.destroy();
  attackers?.destroy();
  await envoy?.stop();
  await wall?.stop();
  await application?.stop();
});

interface Answer {
  readonly status: number;
  readonly id: string;
  readonly body: string;
}

function call(agent: Agent, path: string, id?: string): Promise<Answer> {
  const headers = id === undefined ? {} : { 'x-request-id': id };
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const told = answer.headers['x-request-id'];
        const body = Buffer.concat(chunks).toString();
        resolve({ status: answer.statusCode ?? 0, id: typeof told === 'string' ? told : '', body });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** W's calls with an id; answers what it was told itself. */
async function flood(id: string, count: number): Promise<ReadonlySet<string>> {
  const told = new Set<string>();
  for (let sent = 0; sent < count; sent += 4) {
    for (const answer of await Promise.all([0, 1, 2, 3].map(() => call(attackers, '/w', id)))) {
      expect(answer.status).toBe(403);
      told.add(answer.id);
    }
  }
  return told;
}

const explained = (id: string): Promise<Explanation> =>
  eventually('the refusal', () => wall.admin.explainRequest(id).catch(() => undefined));

test("a victim's explanation is the victim's, whatever W sends and reports, before and after", async () => {
  const before = await flood(trace, 1000);
  const refused = await call(victims, '/closed/of-the-victim', trace);
  expect(refused).toMatchObject({ status: 403, body: `access denied; request id ${refused.id}` });
  const malformed = await call(victims, '/open/%2f', trace);
  expect(malformed.status).toBe(400);
  await explained(refused.id);
  const after = await flood(refused.id, 1000);
  const own = await flood(malformed.id, 100);
  // What its own proxy reports of its own service, with the id that it learned.
  const log = createLogClient(wall.xdsPort, attacker);
  const stream = log.open();
  await stream.send(identifier(`${w}~1`, 'inbound/w/mtls'));
  const forged = { principal: web, path: '/forged', details: 'rbac_access_denied_matched_policy[none]' };
  const entries = Array.from({ length: 100 }, () => httpEntry({ ...forged, requestId: trace, told: refused.id }));
  await stream.send(httpLogs(entries));
  await eventually('W is heard', async () =>
    (await wall.admin.traffic()).traffic.some(({ service }) => service === 'w'),
  );

  const ids = new Set([...before, ...after, ...own]);
  figure('forgedCalls', 2100);
  figure('idsMadeForThem', ids.size);
  expect(ids.size).toBe(2100);
  const found = await explained(refused.id);
  const strangers = [found].filter(({ caller, target }) => caller !== web || target !== 'api').length;
  figure('explanationsOfOthers', strangers);
  expect(found).toMatchObject({ caller: web, target: 'api', decision: 'denied', stage: 'default' });
  expect(found.recorded).toMatchObject([
    { requestId: refused.id, path: '/closed/of-the-victim' },
    { requestId: refused.id, path: '/forged', node: `${w}~1` },
  ]);
  expect(found.notes.join('\n')).toContain('other proxies reported this id later');
  expect(await explained(malformed.id)).toMatchObject({ caller: web, recorded: [{ requestId: malformed.id }] });
  const last = [...after].at(-1) ?? '';
  expect(await explained(last)).toMatchObject({ caller: w, recorded: [{ requestId: last, path: '/w' }] });
  log.close();
}, 60_000);

test('by an id that callers chose: the newest, and that it is not alone, each with the id that it was told', async () => {
  const { notes, recorded } = await explained(trace);
  expect(notes.join('\n')).toContain('a caller chose this id');
  expect(recorded?.map(({ path }) => path).toSorted()).toEqual(['/forged', '/open//', '/w']);
  const victim = recorded?.find(({ path }) => path === '/open//');
  expect(await explained(victim?.requestId ?? '')).toMatchObject({ caller: web, target: 'api' });
});

test("the application gets its callers' own ids", async () => {
  const direct = await fetch(`http://127.0.0.1:${application.port}/`, { headers: { 'x-request-id': trace } });
  expect(await direct.json()).toMatchObject({ headers: { 'x-request-id': trace } });
  const { status, id, body } = await call(victims, '/open', trace);
  expect([status, id]).toEqual([200, '']);
  expect(JSON.parse(body)).toMatchObject({ headers: { 'x-request-id': trace } });
});
