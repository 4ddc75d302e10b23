// A cluster's pods by the word of its API server: the contract, by a stand-in that answers as TokenReview is documented, and what else it
// may answer.
import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { decodeJwt, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Attestor } from '../../src/identity/attestor/attestor.ts';
import { readAttestorOptions } from '../../src/identity/attestor/attestor-options.ts';
import { createKubernetesAttestor } from '../../src/identity/attestor/kubernetes.ts';
import { createTokenReview } from '../../src/identity/attestor/token-review.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { Log } from '../../src/lib/log.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { testBundle } from '../support/test-bundle.ts';
import { createTestCa } from '../support/test-ca.ts';
import { attestorContract } from './attestor-contract.ts';

const folder = temporaryFolder('token-review');
const path = (name: string): string => join(folder, name);
const bundle = createWatched(await testBundle());
const clock = createFakeClock(Date.now());
const seconds = Math.floor(clock.now() / 1000);
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const issuer = 'https://kubernetes.default.svc';
const ownToken = 'the-control-planes-own';

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}
let server: Server;
let asked: { readonly url: string; readonly token: string; readonly body: string }[] = [];
/** Tokens that the API server issued, of pods that are there. */
let live = new Set<string>();
let answer: ((token: string, audiences: readonly string[]) => Answer) | undefined;

const extra = (name: string): string => `authentication.kubernetes.io/${name}`;
const user = {
  username: 'system:serviceaccount:web:api',
  uid: 'u-1',
  groups: ['system:serviceaccounts', 'system:authenticated'],
  extra: { [extra('pod-name')]: ['api-0'], [extra('pod-uid')]: ['u-2'], [extra('node-name')]: ['node-1'] },
};
const reviewOf = (status: object): Answer => ({
  status: 201,
  body: JSON.stringify({ kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec: {}, status }),
});
function asDocumented(token: string, audiences: readonly string[]): Answer {
  const good = audiences.filter((one) => live.has(token) && [decodeJwt(token).aud].flat().includes(one));
  if (good.length > 0) return reviewOf({ authenticated: true, user, audiences: good });
  return reviewOf({ user: {}, error: `[invalid bearer token, ${token}]` });
}

beforeAll(async () => {
  const ca = await createTestCa('of the cluster');
  const { certificate, key: serverKey } = await ca.issue({ ip: ['127.0.0.1'] });
  writeFileSync(path('ca.pem'), ca.root);
  writeFileSync(path('another.pem'), (await createTestCa('another')).root);
  writeFileSync(path('token'), `${ownToken}\n`);
  server = createServer({ cert: certificate, key: serverKey }, (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const token = String(request.headers.authorization);
      asked.push({ url: `${request.method} ${request.url}`, token, body });
      if (token !== `Bearer ${ownToken}`) return void response.writeHead(401).end('{"secret": "stays here"}');
      const { spec } = JSON.parse(body);
      const { status, headers, body: text } = (answer ?? asDocumented)(spec.token, spec.audiences);
      // 0: none ever.
      if (status !== 0) response.writeHead(status, headers).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  [asked, live, answer] = [[], new Set(), undefined];
});

const heard: string[] = [];
const log: Log = heardLog({ warn: (fields, message) => void heard.push(`${message} ${JSON.stringify(fields)}`) });
const address = (): string => `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
function create(over: Record<string, string> = {}): Attestor {
  const review = { url: address(), caFile: path('ca.pem'), tokenFile: path('token'), ...over };
  const made = createKubernetesAttestor({
    ...{ tokens: createMemoryTable(), nodes: { find: async () => undefined }, clock, bundle, log },
    options: { kubernetes: { clusters: [{ name: 'prod', issuer, audience: 'cellwall', review }] } },
  });
  if (made === undefined) throw new Error('it is not configured');
  return made;
}
const claims = () => ({
  ...{ iss: issuer, aud: ['cellwall'], iat: seconds, exp: seconds + 600, jti: String(Math.random()) },
  'kubernetes.io': { namespace: 'other', serviceaccount: { name: 'of-the-claims' } },
});
async function token(of: object = claims(), isLive = true): Promise<string> {
  const made = await new SignJWT({ ...of }).setProtectedHeader({ alg: 'ES256' }).sign(key);
  if (isLive) live.add(made);
  return made;
}
const failureOf = async (attestor: Attestor, text: unknown): Promise<CellwallError> =>
  CellwallError.from(
    await attestor.attest({ token: text }, { nodeKey: 'a' }).then(
      () => new Error('it was believed'),
      (reason: unknown) => reason,
    ),
  );

attestorContract('kubernetes, by its API server', async () => ({
  attestor: create(),
  prove: async () => ({ token: await token() }),
  forged: [{ token: await token(claims(), false) }],
}));

test('what it proves is what the API server says, with the credentials and for the audience of the file', async () => {
  const text = await token();
  expect(await create().attest({ token: text }, { nodeKey: 'a' })).toEqual({
    attestor: 'kubernetes',
    values: { cluster: 'prod', namespace: 'web', service_account: 'api', pod: 'api-0', node: 'node-1' },
  });
  expect(asked).toMatchObject([{ url: 'POST /apis/authentication.k8s.io/v1/tokenreviews' }]);
  expect(JSON.parse(asked[0]?.body ?? '').spec).toEqual({ token: text, audiences: ['cellwall'] });
});

test('a token whose pod is gone is refused: a signature would still be good', async () => {
  const [attestor, text] = [create(), await token()];
  live.delete(text);
  expect(await failureOf(attestor, text)).toMatchObject({ code: 'unauthenticated' });
});

describe('is refused', () => {
  test.each<[string, object]>([
    ['an authenticated token without audiences: the server has not looked at them', { authenticated: true, user }],
    ['one of another audience', { authenticated: true, user, audiences: ['https://kubernetes.default.svc'] }],
    ['a person', { authenticated: true, user: { username: 'alice' }, audiences: ['cellwall'] }],
    [
      'a name with more parts',
      { authenticated: true, user: { ...user, username: 'system:serviceaccount:web:api:x' }, audiences: ['cellwall'] },
    ],
    ['one that is not authenticated, whatever else is said', { authenticated: false, user, audiences: ['cellwall'] }],
    ['no user', { authenticated: true, audiences: ['cellwall'] }],
  ])('%s', async (_, status) => {
    answer = () => reviewOf(status);
    expect(await failureOf(create(), await token())).toMatchObject({ code: 'unauthenticated' });
  });

  test.each<[string, object]>([
    ['that has ended', { exp: seconds - 90 }],
    ['without an end', { exp: undefined }],
    ['for another audience', { aud: ['vault'] }],
    ['without an audience', { aud: undefined }],
    ['of another issuer', { iss: 'https://evil.example' }],
  ])('without a question: a token %s', async (_, change) => {
    const text = await token({ ...claims(), ...change });
    expect(await failureOf(create(), text)).toMatchObject({ code: 'unauthenticated' });
    expect(asked).toEqual([]);
  });
});

describe('an API server that cannot say', () => {
  const cases: readonly [string, Answer][] = [
    ['is away', { status: 503, body: 'away' }],
    ['refuses the credentials', { status: 401, body: '{"secret": "stays here"}' }],
    ['does not let this account ask', { status: 403, body: '{"secret": "stays here"}' }],
    ['sends it elsewhere', { status: 302, body: '', headers: { location: 'https://127.0.0.1:1/' } }],
    ['answers nonsense', { status: 200, body: 'no json' }],
    ['answers something else', { status: 200, body: '{"status": {"authenticated": "yes"}}' }],
    ['answers without end', { status: 200, body: ' '.repeat(300_000) }],
  ];
  test.each(cases)('%s: refused for now, with the reason in the log, once', async (_, bad) => {
    answer = () => bad;
    const [attestor, text] = [create(), await token()];
    heard.length = 0;
    for (let turn = 0; turn < 3; turn++) {
      const failed = await failureOf(attestor, text);
      expect(failed).toMatchObject({ code: 'unavailable', message: expect.stringContaining('"prod"') });
    }
    expect(heard.filter((line) => line.includes('cannot be asked'))).toHaveLength(1);
    for (const secret of ['stays here', ownToken, text]) expect(heard.join()).not.toContain(secret);
    answer = undefined;
    await attestor.attest({ token: text }, { nodeKey: 'a' });
  });

  test('has a certificate that the file does not name: it is never shown the token', async () => {
    expect(await failureOf(create({ caFile: path('another.pem') }), await token())).toMatchObject({
      code: 'unavailable',
    });
    expect(asked).toEqual([]);
  });

  test('has no credentials here yet', async () => {
    const attestor = create({ tokenFile: path('later') });
    expect(await failureOf(attestor, await token())).toMatchObject({ code: 'unavailable' });
    writeFileSync(path('later'), ownToken);
    await attestor.attest({ token: await token() }, { nodeKey: 'a' });
  });

  test('hangs: some wait for it, the next is told so at once', async () => {
    answer = () => ({ status: 0, body: '' });
    const source = { url: address(), caFile: path('ca.pem'), tokenFile: path('token') };
    const { review } = createTokenReview('prod', source, { clock, log, mostAtOnce: 2 });
    const text = await token();
    const failure = () =>
      review(text, 'cellwall').then(
        () => new Error('it was believed'),
        (reason: unknown) => CellwallError.from(reason),
      );
    heard.length = 0;
    const waiting = [failure(), failure()];
    expect(await failure()).toMatchObject({ code: 'unavailable' });
    expect(heard.join()).toContain('2 questions are open');
    for (const failed of await Promise.all(waiting)) expect(failed).toMatchObject({ code: 'unavailable' });
    answer = undefined;
    expect(await review(text, 'cellwall')).toMatchObject({ pod: 'api-0' });
  }, 60_000);
});

test('of two clusters with one issuer the one that knows the token decides, also while the other is away', async () => {
  const review = { url: address(), caFile: path('ca.pem'), tokenFile: path('token') };
  const away = { ...review, caFile: path('another.pem') };
  const attestor = createKubernetesAttestor({
    ...{ tokens: createMemoryTable(), nodes: { find: async () => undefined }, clock, bundle, log },
    options: {
      kubernetes: {
        clusters: [
          { name: 'away', issuer, audience: 'cellwall', review: away },
          { name: 'prod', issuer, audience: 'cellwall', review },
        ],
      },
    },
  });
  const proved = await attestor?.attest({ token: await token() }, { nodeKey: 'a' });
  expect(proved?.values).toMatchObject({ cluster: 'prod' });
  // Nobody knows this one; but the cluster that is away might.
  const reason = await attestor?.attest({ token: await token(claims(), false) }, { nodeKey: 'a' }).catch((e) => e);
  expect(CellwallError.from(reason).code).toBe('unavailable');
});

test.each([
  ['both', 'keys: {file: /x}, review: {url: "https://k", caFile: /x, tokenFile: /x}'],
  ['neither', 'name: prod'],
])('a cluster with %s of keys and review is refused in the file', (_, more) => {
  const file = path('attestors.yaml');
  const name = more.startsWith('name') ? '' : 'name: prod, ';
  writeFileSync(file, `kubernetes: {clusters: [{${name}issuer: i, audience: a, ${more}}]}`);
  expect(() => readAttestorOptions(file)).toThrow(/kubernetes\.clusters\[0\].*either keys or review/);
});
