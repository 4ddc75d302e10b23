// Who gets no SVID is on record, with the selector that did not match; whoever asked is not told it; and the record is bounded.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { createEntitlement, type Entitlement } from '../../src/control/entitlement.ts';
import { createRefusedSvids, type NewRefusal } from '../../src/identity-api/refused-svids.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { evidenceSource } from '../../src/sidecar/attest/make-evidence.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createIdentityHarness, domainOf, type IdentityHarness } from '../support/identity-harness.ts';
import { meshOf, meshText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { createTestCa } from '../support/test-ca.ts';

let harness: IdentityHarness | undefined;
afterEach(() => harness?.close());

it('names the selector that did not match to operators, and not to who asked', async () => {
  const dir = temporaryFolder('refused');
  const path = (name: string): string => join(dir, name);
  const ca = await createTestCa('provisioning');
  const { certificate, key } = await ca.issue({ subject: 'CN=host-7' });
  writeFileSync(path('authorities.pem'), ca.root);
  writeFileSync(path('host.pem'), certificate);
  writeFileSync(path('host.key'), key);
  const selector = '{attestor: x509-pop, match: {common_name: host-8}}';
  const before = meshOf(
    yaml(
      meshText(),
      serviceText('api'),
      workloadText('host', `{identity: {spiffeId: "spiffe://td1/host"}, selectors: [${selector}]}`),
    ),
  );
  let mesh = before;
  const refused = createRefusedSvids({ now: Date.now });
  const options = { 'x509-pop': { authorities: path('authorities.pem') } };
  const trustDomain = domainOf('td1');
  let whyNot: Entitlement['whyNot'] = () => [];
  harness = await createIdentityHarness({
    attestors: options,
    refused,
    whyNot: (evidence) => whyNot(evidence),
    entitlement: (nodes) => {
      const made = createEntitlement({ trustDomain, mesh: () => mesh, nodes });
      whyNot = made.whyNot;
      return made;
    },
  });
  writeFileSync(path('roots.pem'), harness.roots());
  const identity = `${harness.address.host}:${harness.address.port}`;
  const given = { certificate: new Redacted(path('host.pem')), key: new Redacted(path('host.key')) };
  const join_ = () =>
    fetchSvid({
      identity,
      dir: path('data'),
      evidence: evidenceSource('x509-pop', given, path('roots.pem')),
      log: silentLog,
    });
  const failed = await join_().catch(CellwallError.from);
  expect(failed).toMatchObject({ code: 'permission_denied', message: 'what "x509-pop" proved earns no identity' });
  expect(JSON.stringify([String(failed), failed instanceof CellwallError && failed.hint])).not.toMatch(
    /host-8|common_name|test\.yaml/,
  );
  const [row] = refused.list();
  expect(row).toMatchObject({ by: 'attest', attestor: 'x509-pop', code: 'permission_denied', address: '127.0.0.1' });
  expect(row?.nodeKey).toMatch(/^[0-9a-f]{64}$/);
  expect(row?.why.join()).toMatch(
    /the selector of spiffe:\/\/td1\/host at test\.yaml:\d+: common_name must be "host-8", and is "host-7"/,
  );
  // A renewal that the documents do not give any more says so as well.
  mesh = meshOf(
    yaml(
      meshText(),
      serviceText('api'),
      workloadText(
        'host',
        `{identity: {spiffeId: "spiffe://td1/host"}, selectors: [${selector.replace('host-8', 'host-7')}]}`,
      ),
    ),
  );
  expect(await join_()).toMatchObject({ spiffeId: 'spiffe://td1/host' });
  mesh = before;
  await expect(join_()).rejects.toThrow();
  const renewal = refused.list().find(({ by }) => by === 'renew');
  expect(renewal).toMatchObject({ spiffeId: 'spiffe://td1/host', code: 'permission_denied' });
  expect(renewal?.why.join()).toContain('common_name must be "host-8", and is "host-7"');
});

it('names also those whose evidence nobody could judge, and why, without the evidence', async () => {
  const dir = temporaryFolder('unjudged');
  const path = (name: string): string => join(dir, name);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'ES256' })}.${part({ iss: 'k', aud: 'cellwall', exp: Date.now() / 1000 + 60 })}.AAAA`;
  writeFileSync(path('token'), token);
  const review = { url: 'https://127.0.0.1:1', caFile: path('no-ca.pem'), tokenFile: path('token') };
  const refused = createRefusedSvids({ now: Date.now });
  harness = await createIdentityHarness({
    attestors: { kubernetes: { clusters: [{ name: 'prod', issuer: 'k', audience: 'cellwall', review }] } },
    refused,
  });
  writeFileSync(path('roots.pem'), harness.roots());
  const evidence = evidenceSource('kubernetes', { token: new Redacted(path('token')) }, path('roots.pem'));
  const identity = `${harness.address.host}:${harness.address.port}`;
  const failed = await fetchSvid({ identity, dir: path('data'), evidence, log: silentLog }).catch(CellwallError.from);
  expect(failed).toMatchObject({ code: 'unavailable' });
  const [row] = refused.list();
  expect(row).toMatchObject({ attestor: 'kubernetes', code: 'unavailable', reason: expect.stringContaining('"prod"') });
  expect(JSON.stringify(row)).not.toContain(token);
});

it('is bounded, and strangers displace nobody who proved something', () => {
  const clock = createFakeClock();
  const refused = createRefusedSvids(clock);
  const note = (more: Partial<NewRefusal>): void =>
    refused.note({
      ...{ by: 'attest', address: '10.0.0.1', why: [], proved: false },
      failed: new CellwallError('unauthenticated', 'no'),
      ...more,
    });
  note({ proved: true, nodeKey: 'real', why: Array.from({ length: 50 }, () => 'x'.repeat(10_000)) });
  const odd = fc.record({
    address: fc.string(),
    attestor: fc.string({ maxLength: 5000 }),
    message: fc.string({ maxLength: 5000 }),
  });
  fc.assert(
    fc.property(fc.array(odd, { maxLength: 50 }), (strangers) => {
      for (const { address, attestor, message } of strangers) {
        note({ address, attestor, failed: new CellwallError('unauthenticated', message), nodeKey: attestor });
      }
      const rows = refused.list();
      expect(rows.filter(({ nodeKey }) => nodeKey === 'real')).toHaveLength(1);
      expect(rows.length).toBeLessThanOrEqual(101);
    }),
  );
  expect(JSON.stringify(refused.list()).length).toBeLessThan(500_000);
  for (let times = 0; times < 5; times += 1) note({ address: '10.9.9.9', nodeKey: String(times) });
  expect(refused.list().filter(({ address }) => address === '10.9.9.9')).toMatchObject([{ count: 5 }]);
  // One host with good evidence and many node keys is one row.
  for (let times = 0; times < 500; times += 1) note({ proved: true, nodeKey: String(times), why: ['a must be "b"'] });
  expect(refused.list().filter(({ why }) => why[0] === 'a must be "b"')).toMatchObject([{ count: 500 }]);
  expect(refused.list().some(({ nodeKey }) => nodeKey === 'real')).toBe(true);
  clock.advance(25 * 3_600_000);
  expect(refused.list()).toEqual([]);
});
