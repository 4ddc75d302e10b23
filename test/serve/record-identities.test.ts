// Who was given an identity and who was refused one is in the audit log, a record a second whatever the load; nobody waits for it.
import { expect, it } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import type { CheckpointSigner } from '../../src/audit/checkpoint-text.ts';
import type { Attested } from '../../src/identity/attested-log.ts';
import type { IssuedCertificate } from '../../src/identity/issued-log.ts';
import type { IssuedJwt } from '../../src/identity/jwt/issued-jwts.ts';
import { createRefusedSvids, type NewRefusal } from '../../src/identity-api/refused-svids.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { createEvent } from '../../src/lib/event.ts';
import { createLifecycle } from '../../src/lib/lifecycle.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import { recordIdentities } from '../../src/serve/record-identities.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const spiffeId = parseSpiffeId('spiffe://td1/service/web');
if (spiffeId === undefined) throw new Error('no id');
const id = spiffeId;
const certificate = (serial: string): IssuedCertificate => ({
  ...{ serial, spiffeId: id, notBefore: 'then', notAfter: 'later', purpose: 'csr' },
  ...{ how: 'renewed', attestor: 'join-token', address: '10.0.0.1', nodeKey: 'ab' },
});
const refusal: NewRefusal = {
  ...{ by: 'attest', address: '10.0.0.9', attestor: 'join-token', proved: false, why: [] },
  failed: new CellwallError('unauthenticated', 'the join token is not known'),
};

function start() {
  const clock = createFakeClock();
  const lifecycle = createLifecycle();
  const events: AuditEvent[] = [];
  const issued = createEvent<IssuedCertificate>();
  const attested = createEvent<Attested>();
  const tokens = createEvent<IssuedJwt>();
  const refusedSvids = createRefusedSvids(clock);
  const svid = {
    spiffeId: id,
    chain: '',
    key: new Redacted(''),
    serial: '00',
    notBefore: new Date(0),
    notAfter: new Date(0),
  };
  let signer: CheckpointSigner | undefined;
  let count = 0;
  recordIdentities({
    identity: {
      issuer: { watch: issued.listen, issue: async () => Promise.reject(new CellwallError('unavailable', 'not now')) },
      attested: { watch: (listener) => void attested.listen(listener) },
      refusedSvids,
      server: { current: () => svid },
      jwt: { watch: tokens.listen },
    },
    audit: {
      append: async (event) => {
        events.push(event);
        return { v: 2, number: 0, time: '', event, seal: '', hash: '' };
      },
      signWith(given) {
        signer = given;
      },
    },
    metrics: {
      svidIssued() {
        count += 1;
      },
      svidRefused() {},
      watchAuditLosses() {},
    },
    ...{ clock, log: silentLog, lifecycle },
  });
  const kinds = (kind: AuditEvent['kind']) => events.filter((event) => event.kind === kind);
  return {
    clock,
    lifecycle,
    events,
    issued,
    attested,
    tokens,
    refusedSvids,
    kinds,
    counted: () => count,
    signs: () => signer !== undefined,
  };
}

it('certificates of a second are one record, and each is in it', async () => {
  const { clock, events, issued, counted, signs, lifecycle } = start();
  expect(signs()).toBe(true);
  for (let at = 0; at < 450; at += 1) issued.tell(certificate(String(at)));
  expect(events.length).toBe(2);
  clock.advance(1000);
  expect(counted()).toBe(450);
  const rows = events.flatMap((event) => (event.kind === 'certificates-issued' ? event.issued : []));
  const own = { serial: '00', spiffeId: id, notAfter: new Date(0).toISOString(), how: 'own' };
  expect(rows.slice(0, 2)).toEqual([
    own,
    {
      ...{ serial: '0', spiffeId: id, notAfter: 'later', how: 'renewed' },
      ...{ attestor: 'join-token', address: '10.0.0.1', nodeKey: 'ab' },
    },
  ]);
  expect(rows.map(({ serial }) => serial).slice(1)).toEqual(Array.from({ length: 450 }, (_, at) => String(at)));
  issued.tell(certificate('last'));
  await lifecycle.close();
  expect(events.at(-1)).toMatchObject({ issued: [{ serial: 'last' }] });
});

it('hosts that proved themselves are on record with what they proved', () => {
  const { attested, kinds } = start();
  const about = { nodeKey: 'ab', spiffeId: id, attestor: 'join-token', address: '10.0.0.1' };
  attested.tell({ ...about, values: { token: 'x' }, token: 'abcdef', at: 1 });
  expect(kinds('host-attested')).toEqual([
    { kind: 'host-attested', ...about, token: 'abcdef', proved: { token: 'x' } },
  ]);
});

it('tokens are on record once an hour for each host and audience, with how many there were', () => {
  const { clock, tokens, kinds } = start();
  const about = { spiffeId: id, audience: ['vault'], nodeKey: 'ab' };
  const token: IssuedJwt = { ...about, serial: 's', key: 'k', issuedAt: 0, expiresAt: 1, address: '10.0.0.1' };
  for (let at = 0; at < 10; at += 1) tokens.tell({ ...token, serial: String(at) });
  tokens.tell({ ...token, audience: ['aws'] });
  clock.advance(3_600_000);
  tokens.tell(token);
  const record = { kind: 'jwt-svids-issued', ...about, address: '10.0.0.1' };
  expect(kinds('jwt-svids-issued')).toEqual([
    { ...record, count: 1 },
    { ...record, audience: ['aws'], count: 1 },
    { ...record, count: 10 },
  ]);
});

it('refusals are on record with their reason; those that are repeated, and a flood of them, are counted', () => {
  const { clock, refusedSvids, kinds } = start();
  refusedSvids.note({ ...refusal, nodeKey: 'ab', why: ['a', 'b', 'c', 'd'] });
  expect(kinds('svid-refused')).toEqual([
    {
      ...{ kind: 'svid-refused', by: 'attest', address: '10.0.0.9', code: 'unauthenticated', attestor: 'join-token' },
      ...{ reason: 'the join token is not known', why: ['a', 'b', 'c'], nodeKey: 'ab' },
    },
  ]);
  // Jobs have records of their own.
  refusedSvids.note({ ...refusal, exchanges: true });
  for (let at = 0; at < 5; at += 1) refusedSvids.note({ ...refusal, address: 'x'.repeat(100_000) });
  expect(kinds('svid-refused')).toHaveLength(2);
  for (let at = 0; at < 4996; at += 1) refusedSvids.note({ ...refusal, address: `10.1.${at >> 8}.${at & 255}` });
  expect(kinds('svid-refused')).toHaveLength(600);
  clock.advance(60_000);
  expect(kinds('svids-refused')).toEqual([
    { kind: 'svids-refused', count: 4402, reasons: ['4402 × the join token is not known'] },
  ]);
  clock.advance(3_600_000);
  refusedSvids.note({ ...refusal, nodeKey: 'ab' });
  expect(kinds('svid-refused')).toHaveLength(601);
});
