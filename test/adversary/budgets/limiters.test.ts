// L, on the same host as others, fails at the identity API as often as he can, in every way, also with what he can know of his victim: its
// certificate, which every peer is shown. Joins, renewals, goodbyes and reports of others go on; he himself is refused.
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createIdentityClient } from '../../../src/identity-api/client.ts';
import { identityPaths } from '../../../src/identity-api/identity-protocol.ts';
import { figure } from '../../support/figure.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

let wall: ServeHarness;
let victim: Awaited<ReturnType<ServeHarness['enrol']>>;
const read = (file: string): string => readFileSync(file, 'utf8');

beforeAll(async () => {
  wall = await startServe(
    yaml('kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}', serviceText('v'), serviceText('w')),
  );
  victim = await wall.enrol('spiffe://td1/service/v');
}, 30_000);
afterAll(async () => {
  await wall?.stop();
});

/** The status of a POST on a connection of its own. */
function post(path: string, body: object, svid?: { readonly chain: string; readonly key: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    const identity = svid === undefined ? {} : { cert: read(svid.chain), key: read(svid.key) };
    const at = { host: '127.0.0.1', port: wall.identityPort, path, method: 'POST', agent: false };
    const outgoing = request({ ...at, rejectUnauthorized: false, ...identity }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}

const counters = { instance: 'a1', epoch: 'e', last: false, readAt: 1, first: {}, second: {} };

test('failures are in nobody else’s way', async () => {
  const chain = read(victim.chain);
  const attacks: readonly (() => Promise<number>)[] = [
    () => post(identityPaths.attest, {}),
    () =>
      post(identityPaths.attest, {
        evidence: { attestor: 'join-token', token: `cw1.${randomBytes(32).toString('base64url')}.${'a'.repeat(43)}` },
        csr: 'x',
      }),
    () => post(identityPaths.attest, { evidence: { attestor: 'node-key' }, csr: 'x' }),
    () => post(identityPaths.renew, { chain, csr: 'x', proof: 'x' }),
    () => post(identityPaths.renew, { chain: 'x' }),
    () => post(identityPaths.counters, counters),
    () => post(identityPaths.leave, { instance: 'a1', run: 'r' }),
  ];
  const last: number[] = [];
  for (const attack of attacks) {
    for (let time = 0; time < 35; time++) last[attacks.indexOf(attack)] = await attack();
  }
  // He is told no more, whatever he tries.
  expect(last).toEqual(attacks.map(() => 429));

  const client = createIdentityClient({ host: '127.0.0.1', port: wall.identityPort, roots: read(victim.bundle) });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const renewed = await client.renew({ chain, currentKey: createPrivateKey(read(victim.key)), key: privateKey });
  expect(renewed.spiffeId).toBe('spiffe://td1/service/v');
  expect((await wall.enrol('spiffe://td1/service/w')).spiffeId).toBe('spiffe://td1/service/w');
  expect(await post(identityPaths.leave, { instance: 'a1', run: 'r' }, victim)).toBe(204);
  // Not connected here, which is all that is wrong with it.
  const names = JSON.parse(JSON.stringify(counters));
  expect(await post(identityPaths.counters, names, victim)).not.toBe(429);
  figure('othersRefused', 0);
}, 60_000);

test('who has proved himself is limited by his own failures, and no replica of his by them', async () => {
  const sibling = await wall.enrol('spiffe://td1/service/v');
  const statuses: number[] = [];
  for (let time = 0; time < 35; time++) statuses.push(await post(identityPaths.leave, { instance: 'NO' }, sibling));
  expect(statuses.at(-1)).toBe(429);
  expect(await post(identityPaths.leave, { instance: 'a2', run: 'r' }, victim)).toBe(204);
}, 60_000);
