// A call that rules let in and that the application does not answer as it should: by the id in the answer `explain --request` says which
// hop failed, why, and what to do. Two real Envoys under one control plane, and an application that answers by the path that is asked for.
// The control: the same bytes of the application without a sidecar, and calls that it answers, of which nothing is kept.
import { connect as connectHttp2 } from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Explanation } from '../../../src/admin/wire.ts';
import { formatExplanation } from '../../../src/cli/output/format-explanation.ts';
import { type BrokenApplication, startBrokenApplication, startBrokenGrpc } from '../../support/broken-application.ts';
import { eventually } from '../../support/eventually.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { freePorts } from '../../support/free-ports.ts';
import { meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';

const [web, api, grpc, down] = ['web', 'api', 'grpc', 'down'].map((name) => `spiffe://td1/service/${name}`);

let wall: ServeHarness;
let application: BrokenApplication;
let grpcApplication: BrokenApplication;
const envoys: RunningEnvoy[] = [];
let [toApi, toGrpc, toDown, direct] = [0, 0, 0, 0];

beforeAll(async () => {
  [application, grpcApplication] = await Promise.all([startBrokenApplication(), startBrokenGrpc()]);
  const [a = 0, b = 0, c = 0, inbound = 0, second = 0, third = 0, nobody = 0] = await freePorts(7);
  [toApi, toGrpc, toDown, direct] = [a, b, c, inbound];
  const kinds = { api: 'http1', grpc: 'grpc', down: 'http1' } as const;
  wall = await startServe(
    yaml(
      meshText('permissive'),
      ...Object.entries(kinds).flatMap(([name, protocol]) => [
        serviceText(name, protocol, ', retries: {attempts: 0}'),
        policyText(name, name, 'allow', '[{from: [{service: web}, {anonymous: true}]}]'),
      ]),
      serviceText(
        'web',
        'http1',
        `, dependsOn: [{service: api, listen: ${a}}, {service: grpc, listen: ${b}}, {service: down, listen: ${c}}]`,
      ),
    ),
  );
  const start = async (id = '', at?: { readonly inbound: number; readonly application: number }): Promise<void> =>
    void envoys.push(await startSidecarEnvoy(wall, id, { variant: 'delta', ...at }));
  await start(api, { inbound, application: application.port });
  await start(grpc, { inbound: second, application: grpcApplication.port });
  await start(down, { inbound: third, application: nobody });
  await start(web);
  await eventually('api answers', async () => (await call('/fine').catch(() => 0)) === 200 || undefined, 20_000);
  await eventually(
    'down is there',
    async () => (await exchange({ port: c, bytes: get('/x') })).includes('remote connection failure') || undefined,
    20_000,
  );
}, 60_000);
afterAll(async () => {
  for (const envoy of envoys) await envoy.stop();
  await wall?.stop();
  application?.stop();
  grpcApplication?.stop();
});

const get = (path: string, headers = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}Connection: close\r\n\r\n`;
const call = async (path: string): Promise<number> => statusOf(await exchange({ port: toApi, bytes: get(path) }));
const idIn = (answer: string): string => /^x-request-id: (\S+)/im.exec(answer)?.[1] ?? '';
const explained = (id: string): Promise<Explanation> =>
  eventually('the explanation', () => wall.admin.explainRequest(id).catch(() => undefined));

const rows = [
  { path: '/twice', status: 502, why: /not valid HTTP, is ambiguous/, advice: /docs\/http\.md/ },
  { path: '/both', status: 502, why: /not valid HTTP, is ambiguous/, advice: /docs\/http\.md/ },
  { path: '/nothing-chunked', status: 502, why: /not valid HTTP, is ambiguous/, advice: /docs\/http\.md/ },
  { path: '/garbage', status: 502, why: /not valid HTTP, is ambiguous/, advice: /docs\/http\.md/ },
  { path: '/headers', status: 502, why: /over 1,000 headers/, advice: /docs\/http\.md/ },
  { path: '/closes', status: 503, why: /closed the connection without an answer/, advice: /application's log/ },
  { path: '/resets', status: 503, why: /closed the connection without an answer/, advice: /may have been executed/ },
] as const;

test.each(rows)('$path: $status', async ({ path, status, why, advice }) => {
  for (const port of [toApi, direct]) {
    const answer = await exchange({ port, bytes: get(`${path}?secret`) });
    expect(statusOf(answer)).toBe(status);
    const id = idIn(answer);
    const found = await explained(id);
    expect(found).toMatchObject({
      ...{ decision: 'failed', stage: 'application', target: 'api', document: 'Service/api' },
      caller: port === toApi ? web : expect.stringContaining('anonymous'),
      recorded: [{ requestId: id, node: `${api}~a1`, side: 'service', status, why: expect.stringMatching(why) }],
    });
    expect(found.reason).toMatch(why);
    expect(found.notes.find((note) => note.startsWith('what to do: '))).toMatch(advice);
    expect(found.notes.some((note) => note.startsWith('rules allowed it: '))).toBe(true);
    expect(found.remedy).toBeUndefined();
    expect(JSON.stringify(found)).not.toContain('secret');
    const text = formatExplanation(found, { caller: '', target: '' });
    expect(text).toContain(`FAILED: api's own sidecar (${api}~a1) answered ${status} in place of its application`);
    expect(text).toContain(`by ${api}~a1: answered ${status} itself: `);
  }
});

test('nobody listens where the application should: 503', async () => {
  const found = await explained(idIn(await exchange({ port: toDown, bytes: get('/x') })));
  expect(found).toMatchObject({ decision: 'failed', target: 'down', recorded: [{ status: 503, side: 'service' }] });
  expect(found.reason).toMatch(/nothing listens at the address of the application of down/);
  expect(found.notes.join()).toMatch(/what to do: start the application, or correct --app/);
});

test.each([
  ['/half', /ended before its length or last chunk/],
  ['/bad-chunk', /or stopped being valid HTTP/],
] as const)('%s: what breaks off is found by the id that the request had', async (path, why) => {
  const id = `of-the-caller${path}`;
  const answer = await exchange({ port: toApi, bytes: get(path, `X-Request-Id: ${id}\r\n`) });
  expect(statusOf(answer)).toBe(200);
  const found = await explained(id);
  expect(found).toMatchObject({ decision: 'failed', recorded: [{ requestId: id, node: `${api}~a1`, path }] });
  expect(found.reason).toMatch(why);
  expect(found.notes[0]).toMatch(/callers choose this id/);
  expect(formatExplanation(found, { caller: '', target: '' })).toContain(`by ${api}~a1: allowed, but failed: `);
});

test.each([
  ['/pkg.S/Resets', /reset the call before an answer/],
  ['/pkg.S/Refuses', /refused the stream/],
  ['/pkg.S/Ends', /closed the connection without an answer/],
] as const)('gRPC, %s: the status is of the sidecar', async (path, why) => {
  const id = `of-the-client${path}`;
  const status = await new Promise<string>((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${toGrpc}`);
    session.on('error', reject);
    const sent = session.request({
      ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', 'x-request-id': id },
    });
    sent.on('response', (headers) => {
      resolve(String(headers['grpc-status']));
      session.close();
    });
    sent.on('error', reject).end();
  });
  expect(status).toBe('14');
  const found = await explained(id);
  expect(found).toMatchObject({ decision: 'failed', stage: 'application', target: 'grpc', recorded: [{ path }] });
  expect(found.reason).toMatch(why);
});

test('what the application answers leads to nothing, its own 503 neither', async () => {
  for (const path of ['/fine', '/own-503']) {
    await exchange({ port: toApi, bytes: get(path, `X-Request-Id: answered${path}\r\n`) });
  }
  // Logged after them.
  await exchange({ port: toApi, bytes: get('/closes', 'X-Request-Id: after\r\n') });
  await explained('after');
  for (const path of ['/fine', '/own-503']) {
    await expect(wall.admin.explainRequest(`answered${path}`)).rejects.toMatchObject({ code: 'not_found' });
  }
});

test('one id of two callers: each is told, with who called', async () => {
  for (const port of [toApi, direct]) await exchange({ port, bytes: get('/closes', 'X-Request-Id: both\r\n') });
  const found = await eventually('both', async () => {
    const one = await wall.admin.explainRequest('both').catch(() => undefined);
    return one?.recorded?.length === 2 ? one : undefined;
  });
  expect(found.notes[0]).toMatch(/others with it: .* -> api \(allowed, but failed\)/);
});
