// The load's arithmetic: what counts as sent, failed, new connection, and which certificates were seen.
import { expect, test } from 'vitest';
import { untilTrue } from '../../demo/house/until.ts';
import type { Lane } from '../../demo/load/lane.ts';
import { startLoad } from '../../demo/load/load.ts';
import type { LanePlan } from '../../demo/load/plan.ts';
import type { Outcome } from '../../demo/wire/outcome.ts';

const plan: LanePlan = {
  protocol: 'http1',
  kept: { address: 'kept', caller: 'spiffe://td/kept' },
  fresh: { address: 'fresh', caller: 'spiffe://td/fresh', expect: 'spiffe://td/server', material: { ca: '' } },
};
const answer = (peerId?: string): Outcome => ({ kind: 'ok', body: '', caller: peerId === undefined ? {} : { peerId } });
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function fakeLane(overrides: Partial<Lane> = {}): Lane {
  return {
    kept: async () => tick().then(() => answer(plan.kept.caller)),
    fresh: async () => tick().then(() => ({ outcome: answer(plan.fresh.caller), serial: 'a1' })),
    renew() {},
    reopened: () => 0,
    close() {},
    ...overrides,
  };
}

async function run(lane: Lane, protocol: LanePlan['protocol'] = 'http1') {
  const load = startLoad({ lanes: [{ ...plan, protocol }], concurrency: 2, pauseMs: 0 }, () => lane);
  await untilTrue(() => (load.counts()[0]?.sent ?? 0) >= 20, { what: '20 requests', withinMs: 5000, everyMs: 1 });
  const [counts] = await load.stop();
  if (counts === undefined) throw new Error('no lane');
  return counts;
}

test('half of the requests are on new connections, and all are counted', async () => {
  let serial = 0;
  const counts = await run(
    fakeLane({
      fresh: async () => {
        await tick();
        serial += 1;
        return { outcome: answer(plan.fresh.caller), serial: `s${serial % 3}` };
      },
    }),
  );
  expect(counts).toMatchObject({ failed: 0, failures: [], onNewConnections: counts.sent / 2 });
  expect([...counts.serials].sort()).toEqual(['s0', 's1', 's2']);
});

test('refusals, broken connections and wrong callers are failures', async () => {
  const outcomes: Outcome[] = [
    { kind: 'refused', code: 403, details: 'no' },
    { kind: 'failed', details: 'reset' },
    answer(),
    answer('spiffe://td/other'),
  ];
  let next = 0;
  const counts = await run(
    fakeLane({
      kept: async () => {
        await tick();
        next += 1;
        return outcomes[next - 1] ?? answer(plan.kept.caller);
      },
    }),
  );
  expect(counts.failed).toBe(4);
  expect(counts.failures.join('\n')).toMatch(/refused with 403/);
  expect(counts.failures.join('\n')).toMatch(/reset/);
  expect(counts.failures.join('\n')).toMatch(/an anonymous caller, not spiffe:\/\/td\/kept/);
});

test('TCP tells the application of no caller', async () => {
  const lane = fakeLane({
    kept: async () => tick().then(() => answer()),
    fresh: async () => tick().then(() => ({ outcome: answer(), serial: 'b' })),
  });
  expect((await run(lane, 'tcp')).failed).toBe(0);
});
