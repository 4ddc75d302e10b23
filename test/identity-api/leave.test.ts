// Goodbyes, as a helper says them and as somebody else might.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createIdentityClient } from '../../src/identity-api/client.ts';
import { deliver } from '../../src/identity-api/deliver.ts';
import type { Log } from '../../src/lib/log.ts';
import { sayGoodbye } from '../../src/sidecar/say-goodbye.ts';
import type { StoredSvid } from '../../src/sidecar/svid/svid-files.ts';
import { heardLog } from '../support/heard-log.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';
import { oneServer } from '../support/one-server.ts';

const spiffeId = 'spiffe://td1/cell/cell-1/service/api';
const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

let harness: IdentityHarness;
let left: (readonly [string, string])[];

beforeEach(async () => {
  left = [];
  harness = await createIdentityHarness({ leave: (node, run) => void left.push([node, run]) });
});

afterEach(() => harness.close());

async function svid(of = harness): Promise<StoredSvid> {
  const key = makeKey();
  const { chain, bundle } = await createIdentityClient({ ...of.address, roots: of.roots() }).attest({
    evidence: { attestor: 'join-token', token: (await of.token(spiffeId)).reveal() },
    key,
    nodeKey: makeKey(),
  });
  return { spiffeId, chain, key, bundle, notBefore: new Date(), notAfter: new Date() };
}

const say = async (body: object, from?: StoredSvid): Promise<void> =>
  deliver({
    ...harness.address,
    svid: from ?? (await svid()),
    timeoutMs: 5000,
    path: '/v1/leave',
    body: async () => body,
  });

it('is of the proxy that its certificate names', async () => {
  await say({ instance: 'a1', run: 'r1', spiffeId: 'spiffe://td1/service/web' });
  expect(left).toEqual([[`${spiffeId}~a1`, 'r1']]);
});

it.each([
  ['no instance', { run: 'r1' }],
  ['an instance with a tilde', { instance: 'a~b', run: 'r1' }],
  ['no run', { instance: 'a1' }],
  ['an odd run', { instance: 'a1', run: '../x' }],
  ['a long run', { instance: 'a1', run: 'a'.repeat(65) }],
])('is refused with %s', async (_, body) => {
  await expect(say(body)).rejects.toMatchObject({ code: 'invalid_argument' });
  expect(left).toEqual([]);
});

it('is refused from a certificate of elsewhere', async () => {
  const other = await createIdentityHarness();
  try {
    const foreign = { ...(await svid(other)), bundle: harness.roots() };
    await expect(say({ instance: 'a1', run: 'r1' }, foreign)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(left).toEqual([]);
  } finally {
    await other.close();
  }
});

it('is slowed down where a proxy says it again and again', async () => {
  const from = await svid();
  for (let time = 0; time < 30; time += 1) await say({ instance: 'a1', run: `r${time}` }, from);
  await expect(say({ instance: 'a1', run: 'r' }, from)).rejects.toMatchObject({ code: 'resource_exhausted' });
  await say({ instance: 'a2', run: 'r' }, from);
  expect(left).toHaveLength(31);
});

it('is never in the way: neither a control plane that is silent nor an older one', async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const said: string[] = [];
  const log: Log = heardLog({ info: (_, text) => void said.push(text) });
  const older = await createIdentityHarness();
  const goodbye = { instance: 'a1', run: 'r1', now: new AbortController().signal, log };
  try {
    const begun = performance.now();
    const server = { host: '127.0.0.1', port: (silent.address() as AddressInfo).port };
    await sayGoodbye({ ...goodbye, servers: oneServer(server), svid: await svid() });
    await sayGoodbye({ ...goodbye, servers: oneServer(older.address), svid: await svid(older) });
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(said).toEqual(Array(2).fill('ending without a goodbye to the control plane'));
  } finally {
    silent.close();
    await older.close();
  }
});
