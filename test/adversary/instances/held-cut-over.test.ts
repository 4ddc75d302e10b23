// W, a declared caller, wants a service that it calls never to become strict: it rejects what it is sent, does not answer, goes away,
// comes and goes, or starts under other names. The gate waits ten minutes a day for it, and for all that others do as long as before.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gate } from '../../../src/admin/gate.ts';
import type { AuditEvent } from '../../../src/audit/audit-event.ts';
import { createCutOver } from '../../../src/cutover/cut-over.ts';
import { refuses } from '../../../src/cutover/cut-over-reason.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createTraffic } from '../../../src/observe/traffic.ts';
import type { ProxyStatus } from '../../../src/registry/proxy-status.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { judged, stateOf } from '../../support/judged.ts';
import { createMemoryAudit } from '../../support/memory-audit.ts';
import { documentsOf, meshText, serviceText, yaml } from '../../support/resolve-text.ts';

const caller = (name: string): string => serviceText(name, 'http1', ', dependsOn: [{service: api, listen: 9000}]');
const documents = (mode: string) =>
  documentsOf(
    yaml(meshText(), serviceText('api', 'http1', `, mtls: {mode: ${mode}}`), caller('evil'), caller('honest')),
  );
const [before, after] = [documents('permissive'), documents('strict')];
const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000];

const good: ProxyStatus['types'] = ['Listener', 'Cluster'].map((name) => ({
  ...{ typeUrl: `x.${name}`, sentRevision: 2, ackedRevision: 2 },
}));
const behind = good.map((type) => ({ ...type, sentRevision: 3 }));
const rejecting = good.map((type) => ({ ...type, nack: { revision: 3, message: 'no', resources: [] } }));

function proxy(service: string, instance: string, more: Partial<ProxyStatus> = {}): ProxyStatus {
  return {
    node: `spiffe://td1/service/${service}~${instance}`,
    spiffeId: `spiffe://td1/service/${service}` as ProxyStatus['spiffeId'],
    service: service as NonNullable<ProxyStatus['service']>,
    ...{ state: 'connected', since: 0, ready: true, types: good },
    ...more,
  };
}

function setUp() {
  const clock = createFakeClock();
  const traffic = createTraffic({ clock });
  const audit = createMemoryAudit(clock);
  const world: { proxies: readonly ProxyStatus[]; around: boolean } = { proxies: [], around: false };
  const cutOver = createCutOver({
    traffic,
    coverage: { of: () => ({ since: 0, gaps: [], gone: [], ports: [] }) },
    proxies: () => [
      proxy('api', 'a', { inbound: { address: '10.0.0.5', port: 1 } }),
      proxy('honest', 'a'),
      ...world.proxies,
    ],
    probe: async ({ inbound }) => (world.around && inbound?.port === 1 ? { address: '10.0.0.5', port: 80 } : undefined),
    clock,
  });
  return {
    clock,
    world,
    /** What an operator is told who applies it now. */
    async apply() {
      const answer = await gate(
        { cutOver, audit, clock, log: silentLog },
        { before: stateOf(before), after: judged(after), force: false, dryRun: false, by: { author: 'operator' } },
      );
      if (answer.kind === 'pass') return { passed: true, reasons: answer.reasons };
      return { passed: false, reasons: answer.error.body.reasons ?? [] };
    },
    events: async (): Promise<readonly AuditEvent[]> => (await audit.read(100)).records.map(({ event }) => event),
  };
}

const tricks: readonly (readonly [string, (look: number) => readonly ProxyStatus[]])[] = [
  ['rejects', () => [proxy('evil', 'a', { types: rejecting })]],
  ['accepts nothing', () => [proxy('evil', 'a', { types: [] })]],
  ['never answers to the last', () => [proxy('evil', 'a', { types: behind })]],
  ['is away', () => [proxy('evil', 'a', { state: 'held' })]],
  ['has another state each time', (look) => [proxy('evil', 'a', look % 2 === 0 ? { state: 'held' } : { types: [] })]],
  ['has another name each time', (look) => [proxy('evil', `n${look}`, { types: rejecting, since: look })]],
  ['hides behind good ones', (look) => [proxy('evil', 'b'), proxy('evil', `n${look % 8}`, { state: 'held' })]],
];

it.each(tricks)('W %s: ten minutes, then it is a warning and in the audit log', async (_, of) => {
  const { clock, world, apply, events } = setUp();
  // The control: nobody is behind, it passes.
  world.proxies = [proxy('evil', 'a')];
  expect(await apply()).toEqual({ passed: true, reasons: [] });
  let look = 0;
  let held = 0;
  const started = clock.monotonic();
  for (world.proxies = of(look); !(await apply()).passed; world.proxies = of(++look)) {
    held = clock.monotonic() - started;
    if (held > day) break;
    clock.advance(30 * second);
  }
  figure('heldByACallerMs', held);
  expect(held).toBeGreaterThan(9 * minute);
  expect(held).toBeLessThan(10 * minute);
  expect(await events()).toMatchObject([
    {
      kind: 'cut-over-warned',
      services: ['api'],
      reasons: [expect.stringMatching(/^api: spiffe:.*evil~.*no longer waited for$/)],
    },
  ]);
  // Later the same day, whatever it was meanwhile: it is not waited for again.
  world.proxies = [proxy('evil', 'a')];
  await apply();
  clock.advance(20 * hour);
  world.proxies = of(++look);
  expect(await apply()).toMatchObject({ passed: true, reasons: [{ kind: 'client-half', warning: true }] });
  // And a day after it began it may be as behind as anybody.
  clock.advance(5 * hour);
  expect((await apply()).passed).toBe(false);
});

it('nobody else loses by it: other callers are waited for, and other reasons refuse', async () => {
  const { clock, world, apply } = setUp();
  world.proxies = [proxy('evil', 'a', { types: rejecting })];
  for (let at = 0; at <= 10; at++) {
    await apply();
    clock.advance(minute);
  }
  expect((await apply()).passed).toBe(true);
  world.proxies = [...world.proxies, proxy('honest', 'b', { state: 'held' })];
  const { passed, reasons } = await apply();
  expect(passed).toBe(false);
  expect(reasons.filter(refuses)).toMatchObject([{ who: 'spiffe://td1/service/honest~b' }]);
  world.proxies = [proxy('evil', 'a', { types: rejecting })];
  world.around = true;
  clock.advance(hour);
  const open = await apply();
  expect(open.passed).toBe(false);
  expect(open.reasons.filter(refuses)).toMatchObject([{ kind: 'application' }]);
});

it('a caller that is behind for a moment at a time, as when it is deployed, is waited for all day', async () => {
  const { clock, world, apply } = setUp();
  for (let deploy = 0; deploy < 20; deploy++) {
    world.proxies = [proxy('honest', 'b', { state: 'held' })];
    expect((await apply()).passed).toBe(false);
    clock.advance(20 * second);
    expect((await apply()).passed).toBe(false);
    world.proxies = [proxy('honest', 'b')];
    clock.advance(10 * second);
    expect((await apply()).passed).toBe(true);
    clock.advance(hour);
  }
});

it('however it comes and goes, the times between two refusals are ten minutes a day in all', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat({ max: tricks.length }), fc.integer({ min: 1, max: 60 })), {
        minLength: 100,
        maxLength: 600,
      }),
      async (schedule) => {
        const { clock, world, apply } = setUp();
        let held = 0;
        let refusedBefore = false;
        for (const [look, [trick, seconds]] of schedule.entries()) {
          world.proxies = tricks[trick]?.[1](look) ?? [proxy('evil', 'a')];
          const refused = !(await apply()).passed;
          const [, before = 0] = schedule[look - 1] ?? [];
          if (refused && refusedBefore) held += before * second;
          refusedBefore = refused;
          clock.advance(seconds * second);
        }
        expect(held).toBeLessThan(10 * minute);
      },
    ),
    { numRuns: qualifying ? 2000 : 40 },
  );
});
