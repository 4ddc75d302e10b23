// What the report claims of edges, and of what it says that nothing is known: what was not seen, or could not be, is never "secure".
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createCoverage, type ServiceCoverage } from '../../src/observe/coverage.ts';
import type { TrafficCount } from '../../src/observe/traffic-count.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import type { ReportSources } from '../../src/report/mtls-report.ts';
import { createReports } from '../../src/report/reports.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { meshOf, meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { createTestCa } from '../support/test-ca.ts';
import { mtlsReportOf } from '../support/test-report.ts';

const now = Date.parse('2026-05-31T12:00:00Z');
const day = 86_400_000;
const since = now - 30 * day;
const own = meshOf(
  yaml(
    meshText(),
    serviceText('api'),
    serviceText('two', 'http1').replace(
      'protocol: http1',
      'ports: [{name: a, protocol: http1}, {name: b, protocol: tcp}]',
    ),
    serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 15001}, {service: two, port: b, listen: 15002}]'),
  ),
);
/** With one of another trust domain. */
const mesh: MeshIr = {
  ...own,
  services: new Map(
    [...own.services.values()]
      .flatMap((service) => {
        const far = { ...service, key: 'far' as ServiceKey, external: true as const };
        return service.name === 'api' ? [service, far] : [service];
      })
      .map((service) => [service.key, service]),
  ),
};
const whole: ServiceCoverage = { since: 0, ports: [], gaps: [], gone: [] };
const fromWeb = (more: Partial<TrafficCount> = {}): TrafficCount => ({
  ...{
    service: 'api',
    caller: 'mtls',
    principal: 'spiffe://td1/service/web',
    decision: 'allowed',
    count: 10,
    lastSeen: now - 1,
  },
  ...more,
});

function report(more: Partial<ReportSources> = {}) {
  return mtlsReportOf({
    ...{ mesh, revision: 1, since, now, madeBy: 'cellwall test', counts: [], silent: [], handshakes: [] },
    ...{ coverage: () => whole, lostUntil: () => 0 },
    ...more,
  });
}
const stateOf = (more: Partial<ReportSources>, service = 'api', caller = 'web') =>
  report(more).edges.find((edge) => edge.service === service && edge.caller === caller)?.state;

describe('an edge', () => {
  it('is secure only if calls were seen, all of them mTLS, and nothing is missing in the record', () => {
    expect(stateOf({ counts: [fromWeb()] })).toBe('secure');
    expect(stateOf({ counts: [fromWeb({ decision: 'denied' })] })).toBe('secure');
    expect(stateOf({})).toBe('unseen');
    expect(stateOf({ counts: [fromWeb({ lastSeen: since - 1 })] })).toBe('unseen');
  });

  const missing: Readonly<Record<string, Partial<ReportSources>>> = {
    'no proxy was ever there': { coverage: () => ({ ports: [], gaps: [], gone: [] }) },
    'its first proxy came later': { coverage: () => ({ ...whole, since: since + day }) },
    'a proxy was not connected': {
      coverage: () => ({ ...whole, gaps: [{ node: 'n', from: since + 1, to: since + 2 }] }),
    },
    'a proxy is not connected': { coverage: () => ({ ...whole, gaps: [{ node: 'n', from: now - 1 }] }) },
    'a proxy that is gone was not': {
      coverage: () => ({ ...whole, goneGaps: [{ node: 'n', from: now - 2, to: now - 1 }] }),
    },
    'more gaps than are kept': { coverage: () => ({ ...whole, forgotUntil: since + day }) },
    'the record overflowed': { lostUntil: () => since + day },
    'another replica is silent': { silent: ['cp-2'] },
    "Envoy's counters had more": {
      coverage: () => ({
        ...whole,
        gaps: [{ node: 'n', from: now - 2, to: now - 1, missing: { what: 'requests', counted: 3, told: 2 } }],
      }),
    },
  };
  it.each(Object.entries(missing))('is not where %s', (_, sources) => {
    expect(stateOf({ ...sources, counts: [fromWeb()] })).toBe('partly-known');
    expect(stateOf(sources)).toBe('unknown');
    const { unknown, totals } = report(sources);
    expect(unknown.some(({ service, why }) => service === 'api' && why.length > 10)).toBe(true);
    expect(totals.unknownMs).toBeGreaterThan(0);
  });

  it('of a port is only touched by what concerns the port', () => {
    const coverage = (service: string): ServiceCoverage =>
      service === 'two' ? { ...whole, ports: [{ name: 'b', since: since + day }] } : whole;
    expect(stateOf({ coverage }, 'two')).toBe('unknown');
    expect(stateOf({ coverage: () => ({ ...whole, ports: [{ name: 'a', since: since + day }] }) }, 'two')).toBe(
      'unseen',
    );
  });

  it('without mTLS is insecure however few calls there were, and beside calls by mTLS', () => {
    for (const caller of ['plaintext', 'one-way-tls', 'legacy'] as const) {
      const { principal: _, ...nobody } = fromWeb({ caller, count: 1, peer: '10.0.0.9' });
      const { edges, anonymous, totals } = report({ counts: [fromWeb({ count: 99_999 }), nobody] });
      expect(edges[0]).toMatchObject({ state: 'insecure', service: 'api', caller, calls: 1 });
      expect(edges.find(({ caller: by, service }) => by === 'web' && service === 'api')?.state).toBe('secure');
      expect(anonymous).toEqual([
        expect.objectContaining({ service: 'api', peer: '10.0.0.9', connected: caller, calls: 1 }),
      ]);
      expect(totals).toMatchObject({ calls: 100_000, mtls: 99_999 });
    }
  });

  it('to a service of another trust domain, or of nobody any more, is not claimed to be anything', () => {
    expect(report({}).unknown).toContainEqual(
      expect.objectContaining({ service: 'far', why: expect.stringContaining('trust domain') }),
    );
    const never: ServiceCoverage = { ports: [], gaps: [], gone: [] };
    const coverage = (name: string): ServiceCoverage => (name === 'removed' ? never : whole);
    const gone = report({ counts: [fromWeb({ service: 'removed' })], coverage });
    expect(gone.edges.find(({ service }) => service === 'removed')).toMatchObject({
      mode: 'gone',
      state: 'partly-known',
    });
  });
});

describe('what is known of proxies', () => {
  const world = () => {
    const clock = createFakeClock();
    const coverage = createCoverage({ table: createMemoryTable(), clock, log: silentLog });
    return { clock, coverage, of: () => coverage.of('api', 0) };
  };
  const away = (at: ReturnType<typeof world>, node: string, ms: number): void => {
    at.coverage.disconnected(node);
    at.clock.advance(ms);
    at.coverage.connected(node, 'api');
  };

  it('does not end with them: a time in which one was away is unknown after it is gone; a goodbye is not', () => {
    const at = world();
    at.coverage.connected('n', 'api');
    at.clock.advance(day);
    away(at, 'n', 60_000);
    at.clock.advance(day);
    at.coverage.disconnected('n');
    at.coverage.gone('n');
    expect(at.of().gaps).toEqual([]);
    expect(at.of().goneGaps).toHaveLength(1);
    const killed = world();
    killed.coverage.connected('n', 'api');
    killed.clock.advance(day);
    killed.coverage.disconnected('n');
    killed.clock.advance(30_000);
    killed.coverage.gone('n');
    expect(killed.of().goneGaps).toEqual([{ node: 'n', from: expect.any(Number), to: killed.clock.now() }]);
  });

  it('is bounded, and what is forgotten is unknown', () => {
    const at = world();
    const began = at.clock.now();
    at.coverage.connected('n', 'api');
    for (let turn = 0; turn < 60; turn++) {
      at.clock.advance(day / 10);
      away(at, 'n', 60_000);
    }
    expect(at.of().gaps).toHaveLength(50);
    const { forgotUntil = 0 } = at.of();
    expect(forgotUntil).toBeGreaterThan(began + day / 2);
    expect(forgotUntil).toBeLessThan(at.of().gaps[0]?.from ?? 0);
    for (let node = 0; node < 520; node++) {
      at.coverage.connected(`n${node}`, 'api');
      away(at, `n${node}`, 60_000);
      at.coverage.disconnected(`n${node}`);
      at.coverage.gone(`n${node}`);
    }
    const gone = at.of().goneGaps ?? [];
    expect(gone.length).toBeLessThanOrEqual(500);
    expect(at.of().forgotUntil ?? 0).toBeGreaterThan(forgotUntil);
  });

  it('survives the store', async () => {
    const clock = createFakeClock();
    const table = createMemoryTable();
    const first = createCoverage({ table, clock, log: silentLog });
    first.connected('n', 'api');
    for (let turn = 0; turn < 55; turn++) first.broken('n');
    await first.flush();
    const second = createCoverage({ table, clock, log: silentLog });
    await second.restore();
    expect(second.of('api', 0).forgotUntil).toBe(first.of('api', 0).forgotUntil);
    expect(second.of('api', 0).forgotUntil).toBeGreaterThan(0);
  });
});

test('whatever was recorded, no edge with a call without mTLS, and none without calls, is secure; all calls are in the totals', () => {
  const caller = fc.constantFrom('mtls', 'plaintext', 'one-way-tls', 'legacy');
  const counts = fc.array(
    fc.record({
      caller,
      count: fc.integer({ min: 1, max: 1e6 }),
      service: fc.constantFrom('api', 'two', 'gone'),
      denied: fc.boolean(),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(counts, fc.boolean(), (all, gap) => {
      const recorded = all.map(({ caller: by, count, service, denied }): TrafficCount => {
        const decision = denied ? 'denied' : 'allowed';
        const who = by === 'mtls' ? { principal: 'spiffe://td1/service/web' } : { peer: '10.0.0.1' };
        return { service, caller: by, ...who, decision, count, lastSeen: now };
      });
      const made = report({ counts: recorded, silent: gap ? ['cp'] : [] });
      for (const edge of made.edges) {
        if (edge.state !== 'secure') continue;
        expect([edge.connected, edge.calls > 0, gap]).toEqual(['mtls', true, false]);
      }
      const sum = all.reduce((total, { count }) => total + count, 0);
      expect(made.totals.calls).toBe(sum);
      expect(made.edges.reduce((total, { calls }) => total + calls, 0)).toBe(sum);
      const anonymous = made.anonymous.reduce((total, { calls }) => total + calls, 0);
      expect(anonymous).toBe(sum - made.totals.mtls);
    }),
  );
});

test('who asks again and again has one certificate made in five minutes; a longer time than is on record is refused', async () => {
  const clock = createFakeClock();
  const { certificate, key } = await (await createTestCa('reports')).issue({ uri: 'spiffe://td1/cellwall/report' });
  let issued = 0;
  const reports = createReports({
    issuer: () => ({
      async issue(spiffeId) {
        issued++;
        if (issued === 1) throw new Error('not now');
        const dates = { notBefore: new Date(clock.now()), notAfter: new Date(clock.now() + 600_000) };
        return { spiffeId, chain: certificate, key: new Redacted(key), serial: 'ab', ...dates };
      },
    }),
    inForce: () => ({ mesh, revision: 1 }),
    traffic: { counts: () => [], lostUntil: () => 0 },
    ...{ coverage: { of: () => whole }, handshakes: { failed: () => [] }, version: 'test', clock },
  });
  await expect(reports.mtls(clock.now() - 31 * day - 1)).rejects.toThrow(/31 days/);
  expect(issued).toBe(0);
  // One that fails is in nobody's way.
  await expect(reports.mtls(clock.now() - day)).rejects.toThrow('not now');
  await Promise.all([1, 2, 3].map(() => reports.mtls(clock.now() - day)));
  expect(issued).toBe(2);
  clock.advance(300_000);
  await reports.mtls(clock.now() - day);
  expect(issued).toBe(3);
});
