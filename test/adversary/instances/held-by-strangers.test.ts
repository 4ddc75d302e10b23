// N, without a certificate, calls a permissive service in plaintext and makes handshakes fail, from one address and from many, for ever:
// the gate to strict tells of him and holds, and an operator who knows the addresses passes them over by name. Real old callers beside
// him hold it all the same, and so does whoever proved anything.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { AccessLogCommonSchema } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { gate } from '../../../src/admin/gate.ts';
import type { AuditEvent } from '../../../src/audit/audit-event.ts';
import { createCutOver } from '../../../src/cutover/cut-over.ts';
import type { CutOverReason } from '../../../src/cutover/cut-over-reason.ts';
import { refuses } from '../../../src/cutover/cut-over-reason.ts';
import { dismiss } from '../../../src/cutover/dismiss.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createHandshakes } from '../../../src/observe/handshakes.ts';
import { createTraffic } from '../../../src/observe/traffic.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { figure } from '../../support/figure.ts';
import { judged, stateOf } from '../../support/judged.ts';
import { createMemoryAudit } from '../../support/memory-audit.ts';
import { createMemoryTable } from '../../support/memory-table.ts';
import { documentsOf, meshText, serviceText, yaml } from '../../support/resolve-text.ts';

const documents = (mode: string) =>
  documentsOf(yaml(meshText(), serviceText('api', 'http1', `, mtls: {mode: ${mode}}`)));
const [before, after] = [documents('permissive'), documents('strict')];

function setUp() {
  const clock = createFakeClock();
  const traffic = createTraffic({ clock });
  const handshakes = createHandshakes({ clock, table: createMemoryTable() });
  const audit = createMemoryAudit(clock);
  const cutOver = createCutOver({
    ...{ traffic, handshakes, clock, proxies: () => [], probe: async () => undefined },
    coverage: { of: () => ({ since: 0, gaps: [], gone: [], ports: [] }) },
  });
  const shared = { service: 'api', transport: 'http1', decision: 'allowed', method: 'GET' } as const;
  return {
    clock,
    failsHandshake(address: string) {
      const at = { address: { case: 'socketAddress', value: { address } } } as const;
      const downstreamTransportFailureReason = 'TLSV1_ALERT_UNKNOWN_CA';
      handshakes.record(
        { service: 'api' },
        create(AccessLogCommonSchema, { downstreamDirectRemoteAddress: at, downstreamTransportFailureReason }),
      );
    },
    calls: (caller: 'plaintext' | 'one-way-tls', peer: string) => traffic.record({ ...shared, caller, peer }),
    async apply(ignoreAddresses: readonly string[] = []) {
      const asked = {
        before: stateOf(before),
        after: judged(after),
        force: false,
        dryRun: false,
        ignoreAddresses,
        by: { author: 'operator' },
      };
      const answer = await gate({ cutOver, audit, clock, log: silentLog }, asked);
      if (answer.kind === 'pass') return { passed: true, left: [], reasons: answer.reasons };
      const reasons = answer.error.body.reasons ?? [];
      return { passed: false, left: reasons.filter(refuses).map(({ who }) => who), reasons };
    },
    events: async (): Promise<readonly AuditEvent[]> => (await audit.read(100)).records.map(({ event }) => event),
  };
}

describe('of what needs no proof', () => {
  it('an attacker who never stops is disregarded by address, and nothing else of the gate is', async () => {
    const { clock, failsHandshake, calls, apply, events } = setUp();
    expect((await apply()).passed).toBe(true);
    for (let day = 0; day < 3; day++) {
      failsHandshake('203.0.113.9');
      calls('plaintext', '203.0.113.9');
      calls('one-way-tls', '203.0.113.9');
      for (let host = 1; host <= 40; host++) failsHandshake(`2001:db8:0:1::${host}`);
      expect((await apply()).passed).toBe(false);
      clock.advance(20 * 3_600_000);
    }
    failsHandshake('203.0.113.9');
    // One of two is not enough.
    expect((await apply(['203.0.113.9'])).passed).toBe(false);
    const named = ['203.0.113.9', '2001:db8:0:1::/64'];
    const { passed, reasons } = await apply(named);
    expect(passed).toBe(true);
    expect(reasons.length).toBeGreaterThan(0);
    expect(reasons.every(({ why, warning }) => warning === true && why.includes('disregarded'))).toBe(true);
    const [event, ...more] = await events();
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      kind: 'cut-over-warned',
      services: ['api'],
      reasons: expect.arrayContaining([`disregarded: ${named.join(', ')}`]),
    });
    figure('heldByStrangersAfterTheyWereNamed', 0);
  });

  it('an old caller beside him, at any other address, still holds it', async () => {
    const { failsHandshake, calls, apply } = setUp();
    failsHandshake('203.0.113.9');
    failsHandshake('10.0.0.7');
    calls('plaintext', '10.0.0.8');
    const { passed, left } = await apply(['203.0.113.9', '203.0.0.0/16']);
    expect(passed).toBe(false);
    expect(left.toSorted()).toEqual(['10.0.0.7', 'plaintext, 10.0.0.8']);
  });

  it('who proved something is not disregarded by an address, nor is what is missing in the record', () => {
    const of = (kind: CutOverReason['kind'], who: string): CutOverReason => ({ service: 'api', kind, who, why: 'x' });
    // A legacy subject, a proxy and an application that read as an address.
    const reasons = [
      of('caller', 'legacy certificate, 203.0.113.9'),
      of('client-half', '203.0.113.9'),
      of('application', '203.0.113.9'),
      of('record', '203.0.113.9'),
    ];
    expect(dismiss(reasons, ['203.0.113.9'])).toEqual(reasons);
    expect(dismiss([{ ...of('handshake', 'x'), address: '::ffff:203.0.113.9' }], ['203.0.113.9'])).toMatchObject([
      { warning: true },
    ]);
  });

  it.each([
    '0.0.0.0/0',
    '10.0.0.0/8',
    '::/0',
    '2001::/32',
    'x',
    '',
    '10.0.0.9/33',
    '10.0.0.9/',
    '1.2.3.4/24/1',
    'fe80::1%lo',
  ])('an operator cannot name all the world, or nobody: %s', async (text) => {
    const { apply } = setUp();
    await expect(apply([text])).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
