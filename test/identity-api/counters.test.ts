// Reports of Envoy's counters, as a helper sends them and as somebody else might.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { request } from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIdentityClient } from '../../src/identity-api/client.ts';
import { deliverCounters } from '../../src/identity-api/counters-client.ts';
import type { CountersReport } from '../../src/identity-api/counters-report.ts';
import { type EnvoyCounters, envoyCounterNames } from '../../src/lib/envoy-counters.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';

const spiffeId = 'spiffe://td1/cell/cell-1/service/api';
const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const counters = Object.fromEntries(envoyCounterNames.map((name, index) => [name, index])) as EnvoyCounters;
const report: CountersReport = {
  instance: 'a1',
  epoch: 'e1',
  last: false,
  readAt: 1,
  first: counters,
  second: counters,
};

let harness: IdentityHarness;
let taken: { readonly node: string; readonly report: CountersReport; readonly begunAt: number }[];

beforeEach(async () => {
  taken = [];
  harness = await createIdentityHarness({
    counters: ({ node }, report, begunAt) => void taken.push({ node, report, begunAt }),
  });
});

afterEach(() => harness.close());

async function svid(of = harness) {
  const key = makeKey();
  const roots = of.roots();
  const { chain, bundle } = await createIdentityClient({ ...of.address, roots }).attest({
    evidence: { attestor: 'join-token', token: (await of.token(spiffeId)).reveal() },
    key,
    nodeKey: makeKey(),
  });
  return { chain, key, bundle };
}

/** One raw request, the server unverified. */
async function post(body: string, identity?: { readonly chain: string; readonly key: KeyObject }): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        ...harness.address,
        path: '/v1/counters',
        method: 'POST',
        rejectUnauthorized: false,
        agent: false,
        ...(identity === undefined
          ? {}
          : { cert: identity.chain, key: identity.key.export({ format: 'pem', type: 'pkcs8' }) }),
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

it('are of the proxy that its certificate names, read after a moment that is known', async () => {
  const before = performance.now();
  let readAt = 0;
  await deliverCounters({
    ...harness.address,
    svid: await svid(),
    timeoutMs: 5000,
    read: async () => {
      readAt = performance.now();
      return report;
    },
  });
  expect(taken).toEqual([{ node: `${spiffeId}~a1`, report, begunAt: expect.any(Number) }]);
  expect(taken[0]?.begunAt).toBeGreaterThan(before);
  expect(taken[0]?.begunAt).toBeLessThanOrEqual(readAt);
});

it('are told to nobody but the control plane', async () => {
  const other = await createIdentityHarness();
  try {
    const delivery = { timeoutMs: 5000, read: async () => report, svid: await svid(other) };
    await expect(deliverCounters({ ...harness.address, ...delivery })).rejects.toThrow('not delivered');
    expect(taken).toEqual([]);
    expect(await post(JSON.stringify(report), delivery.svid)).toBe(401);
  } finally {
    await other.close();
  }
});

it('are not taken where nobody compares them, as by an older control plane', async () => {
  const other = await createIdentityHarness();
  try {
    const delivery = { timeoutMs: 5000, read: async () => report, svid: await svid(other) };
    await expect(deliverCounters({ ...other.address, ...delivery })).rejects.toMatchObject({ code: 'unimplemented' });
  } finally {
    await other.close();
  }
});

describe('hostile reports', () => {
  const change = (fields: object): string => JSON.stringify({ ...report, ...fields });

  it.each([
    ['no JSON', 'x', 400],
    ['no object', '[]', 400],
    ['another instance’s name with a tilde', change({ instance: 'a~b' }), 400],
    ['a long instance', change({ instance: 'a'.repeat(65) }), 400],
    ['an odd epoch', change({ epoch: '../x' }), 400],
    ['no time', change({ readAt: -1 }), 400],
    ['no counters', change({ first: undefined }), 400],
    ['a counter that is missing', change({ first: { ...counters, plainActive: undefined } }), 400],
    ['a negative counter', change({ second: { ...counters, plainActive: -1 } }), 400],
    ['a counter beyond numbers', change({ second: { ...counters, plainActive: 1e300 } }), 400],
    ['a counter of text', change({ second: { ...counters, plainActive: '1' } }), 400],
    [
      'a certificate that ends when no calendar goes on',
      change({ certificate: { serial: 'ab', notAfter: Number.MAX_SAFE_INTEGER } }),
      400,
    ],
    ['64 KiB and more', change({ instance: 'a'.repeat(70_000) }), 429],
  ])('%s', async (_, body, status) => {
    expect(await post(body, await svid())).toBe(status);
    expect(taken).toEqual([]);
  });

  it('without a certificate', async () => {
    expect(await post(JSON.stringify(report))).toBe(401);
  });

  it('say of unknown counters what nobody keeps', async () => {
    expect(
      await post(change({ first: { ...counters, __proto__: { x: 1 }, other: 'x'.repeat(1000) } }), await svid()),
    ).toBe(204);
    expect(taken[0]?.report.first).toEqual(counters);
  });
});
