// The identity API as a client meets it: first contact, renewal, refusals, hostile bodies; and a server that is an impostor.
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseJoinToken } from '../../src/identity/join-token.ts';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { certificateFingerprint } from '../../src/identity/x509/fingerprint.ts';
import { fromPem } from '../../src/identity/x509/pem.ts';
import { createProof } from '../../src/identity/x509/possession.ts';
import { uriSans } from '../../src/identity/x509/uri-sans.ts';
import { createIdentityClient, fetchPinnedRoots, type IdentityClient } from '../../src/identity-api/client.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createIdentityHarness, type IdentityHarness, idOf } from '../support/identity-harness.ts';
import { createTestCa } from '../support/test-ca.ts';

const spiffeId = 'spiffe://td1/cell/cell-1/service/api';
const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
let harness: IdentityHarness;

beforeEach(async () => {
  harness = await createIdentityHarness();
});

afterEach(() => harness.close());

async function client(): Promise<IdentityClient> {
  return createIdentityClient({ ...harness.address, roots: harness.roots() });
}

async function join(key = makeKey(), nodeKey = makeKey()) {
  const evidence = { attestor: 'join-token', token: (await harness.token(spiffeId)).reveal() };
  return { key, nodeKey, evidence, reply: await (await client()).attest({ evidence, key, nodeKey }) };
}

/** One raw request, without verification. */
function raw(
  path: string,
  body: string | Buffer,
  method = 'POST',
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { ...harness.address, path, method, rejectUnauthorized: false, agent: false },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('first contact', () => {
  it('pins the root by the token, and gives the SVID of the token’s identity over the key of the request', async () => {
    const token = await harness.token(spiffeId);
    const roots = await fetchPinnedRoots(harness.address, parseJoinToken(token.reveal()).rootFingerprints);
    const key = makeKey();
    const reply = await createIdentityClient({ ...harness.address, roots }).attest({
      evidence: { attestor: 'join-token', token: token.reveal() },
      key,
      nodeKey: makeKey(),
    });
    const [leaf] = fromPem(reply.chain, 'CERTIFICATE').map((der) => new X509Certificate(der));
    expect(reply.spiffeId).toBe(spiffeId);
    expect(leaf === undefined ? [] : uriSans(leaf.raw)).toEqual([spiffeId]);
    expect(leaf?.checkPrivateKey(key)).toBe(true);
    expect(reply.bundle).toBe(harness.roots());
    expect(Date.parse(reply.renewAt)).toBeLessThan(Date.parse(reply.notAfter));
  });

  it('answers a lost reply again, for the same node key only', async () => {
    const { evidence, nodeKey } = await join();
    const again = await (await client()).attest({ evidence, key: makeKey(), nodeKey });
    expect(again.spiffeId).toBe(spiffeId);
    const other = (await client()).attest({ evidence, key: makeKey(), nodeKey: makeKey() });
    await expect(other).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringMatching(/another key/),
    });
  });

  it('has one winner of fifty hosts with one token', async () => {
    const evidence = { attestor: 'join-token', token: (await harness.token(spiffeId)).reveal() };
    const joining = await client();
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, () => joining.attest({ evidence, key: makeKey(), nodeKey: makeKey() })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('goes nowhere when the server is an impostor', async () => {
    const impostor = await createIdentityHarness();
    try {
      const fingerprint = certificateFingerprint(new X509Certificate(harness.roots()).raw);
      await expect(fetchPinnedRoots(impostor.address, [fingerprint])).rejects.toMatchObject({
        code: 'unauthenticated',
      });
      const roots = harness.roots();
      const evidence = { attestor: 'join-token', token: 'cw1.secret' };
      const attempt = createIdentityClient({ ...impostor.address, roots }).attest({
        evidence,
        key: makeKey(),
        nodeKey: makeKey(),
      });
      await expect(attempt).rejects.toMatchObject({ code: 'unauthenticated' });
    } finally {
      await impostor.close();
    }
  });

  it('goes nowhere when the server is a workload of the right trust domain', async () => {
    const { createSecureServer } = await import('node:http2');
    const svid = await harness.issuer.issue(idOf('spiffe://td1/service/evil'));
    const server = createSecureServer({ cert: svid.chain, key: svid.key?.reveal() ?? '', allowHTTP1: true });
    let reached = false;
    server.on('request', () => {
      reached = true;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const roots = harness.roots();
    const evil = createIdentityClient({ host: '127.0.0.1', port, roots });
    await expect(
      evil.attest({ evidence: { attestor: 'node-key' }, key: makeKey(), nodeKey: makeKey() }),
    ).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringMatching(/the server is not spiffe:\/\/td1\/cellwall\/server/),
    });
    expect(reached).toBe(false);
    server.close();
  });
});

describe('renewal', () => {
  it('is for the holder of the current SVID', async () => {
    const { key, reply } = await join();
    const renewed = await (await client()).renew({ chain: reply.chain, currentKey: key, key: makeKey() });
    expect(renewed.spiffeId).toBe(spiffeId);
    expect(renewed.chain).not.toBe(reply.chain);
    const thief = (await client()).renew({ chain: reply.chain, currentKey: makeKey(), key: makeKey() });
    await expect(thief).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('cannot take a proof made for attestation', async () => {
    const { key, reply } = await join();
    const csr = createCsr(makeKey());
    const [der = Buffer.alloc(0)] = fromPem(csr, 'CERTIFICATE REQUEST');
    const body = JSON.stringify({ chain: reply.chain, csr, proof: createProof('attest', der, key) });
    expect((await raw('/v1/renew', body)).status).toBe(401);
  });

  it.each([
    ['of another CA', async () => (await (await createTestCa()).issue({ uri: spiffeId })).certificate],
    [
      'without its intermediate',
      async () => (await join()).reply.chain.replace(/(-----END CERTIFICATE-----\n).*$/s, '$1'),
    ],
    ['of the trust domain itself', () => harness.roots()],
    [
      'in reverse order',
      async () =>
        (await join()).reply.chain
          .split(/(?<=-----END CERTIFICATE-----\n)/)
          .reverse()
          .join(''),
    ],
    ['that is none', async () => 'nothing'],
  ])('refuses a chain %s', async (_, chain) => {
    const renewing = (await client()).renew({ chain: await chain(), currentKey: makeKey(), key: makeKey() });
    await expect(renewing).rejects.toThrow(expect.objectContaining({ name: 'CellwallError' }));
  });

  it('ends with the SVID; the node key attests again', async () => {
    const clock = createFakeClock(Date.now());
    const later = await createIdentityHarness({ clock });
    try {
      const roots = later.roots();
      const joining = createIdentityClient({ ...later.address, roots });
      const [key, nodeKey] = [makeKey(), makeKey()];
      const evidence = { attestor: 'join-token', token: (await later.token(spiffeId)).reveal() };
      const { chain } = await joining.attest({ evidence, key, nodeKey });
      clock.advance(2 * 3_600_000);
      await expect(joining.renew({ chain, currentKey: key, key: makeKey() })).rejects.toThrow(/has ended/);
      const again = await joining.attest({ evidence: { attestor: 'node-key' }, key: makeKey(), nodeKey });
      expect(again.spiffeId).toBe(spiffeId);
    } finally {
      await later.close();
    }
  });
});

describe('the server', () => {
  it('renews its own certificate in place', async () => {
    const serial = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const probe = request(
          { ...harness.address, path: '/v1/bundle', rejectUnauthorized: false, agent: false },
          (response) => {
            const socket = response.socket;
            resolve(
              'getPeerX509Certificate' in socket && typeof socket.getPeerX509Certificate === 'function'
                ? socket.getPeerX509Certificate().serialNumber
                : '',
            );
            response.resume();
          },
        );
        probe.on('error', reject);
        probe.end();
      });
    const before = await serial();
    await harness.server.rotate();
    expect(await serial()).not.toBe(before);
    expect((await join()).reply.spiffeId).toBe(spiffeId);
  });

  it('never gives a reserved identity, or one that the policy does not know', async () => {
    const closed = await createIdentityHarness({ policy: () => undefined });
    try {
      for (const id of ['spiffe://td1/cellwall/server', 'spiffe://td1/service/unknown', 'spiffe://td2/service/x']) {
        const evidence = { attestor: 'join-token', token: (await closed.token(id)).reveal() };
        const joining = createIdentityClient({ ...closed.address, roots: closed.roots() });
        await expect(joining.attest({ evidence, key: makeKey(), nodeKey: makeKey() })).rejects.toMatchObject({
          code: 'permission_denied',
        });
      }
    } finally {
      await closed.close();
    }
  });

  it.each([
    ['no JSON', 'x', 400],
    ['an array', '[]', 400],
    ['null', 'null', 400],
    ['no evidence', '{}', 400],
    ['a prototype', '{"__proto__": {"evidence": {}}}', 400],
    [
      'evidence of a prototype',
      JSON.stringify({ evidence: { attestor: '__proto__' }, csr: createCsr(makeKey()) }),
      400,
    ],
    ['an unknown attestor', JSON.stringify({ evidence: { attestor: 'toString' }, csr: createCsr(makeKey()) }), 400],
    [
      'a node key without proof',
      JSON.stringify({ evidence: { attestor: 'node-key' }, csr: createCsr(makeKey()), nodeKey: 'AA' }),
      400,
    ],
    [
      'a node key that is not known',
      JSON.stringify({ evidence: { attestor: 'node-key' }, csr: createCsr(makeKey()) }),
      401,
    ],
    ['65 KiB', `{"csr": "${'x'.repeat(66_000)}"}`, 429],
  ])('refuses a body of %s with a reason', async (_, body, status) => {
    const answer = await raw('/v1/attest', body);
    expect(answer.status).toBe(status);
    const { code, message } = JSON.parse(answer.text);
    expect(code).toMatch(/^[a-z_]+$/);
    expect(message).toMatch(/./);
    expect(answer.text).not.toMatch(/\.ts|node_modules|at /);
  });

  it('has three routes', async () => {
    for (const [path, method] of [
      ['/', 'GET'],
      ['/v1/attest', 'GET'],
      ['/v1/bundle', 'POST'],
      ['/v1/bundle/..', 'GET'],
    ] as const) {
      expect((await raw(path, '', method)).status, `${method} ${path}`).toBe(404);
    }
  });

  it('refuses an address that fails again and again, for a while', async () => {
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 35; attempt += 1) statuses.push((await raw('/v1/attest', '{}')).status);
    expect(statuses.slice(0, 30).every((status) => status === 400)).toBe(true);
    expect(statuses.at(-1)).toBe(429);
  });

  it('lets nobody stand in the way of the renewals of others at the same address', async () => {
    const { key, reply } = await join();
    const made = createCsr(makeKey());
    const bad = JSON.stringify({ evidence: { attestor: 'join-token', token: 'cw1.x.y' }, csr: made });
    for (let tries = 0; tries < 40; tries++) await raw('/v1/attest', bad);
    expect((await raw('/v1/attest', bad)).status).toBe(429);
    const garbage = JSON.stringify({ chain: 'no chain', csr: made, proof: '' });
    for (let tries = 0; tries < 40; tries++) await raw('/v1/renew', garbage);
    expect((await raw('/v1/renew', garbage)).status).toBe(429);
    const renewed = (await client()).renew({ chain: reply.chain, currentKey: key, key: makeKey() });
    await expect(renewed).resolves.toMatchObject({ spiffeId });
  });

  it('drops what never speaks TLS', async () => {
    const socket = connect(harness.address);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => socket.on('close', resolve).on('error', () => {}));
    expect((await join()).reply.spiffeId).toBe(spiffeId);
  });
});
