// What steps 7 look at, before and after a control plane is killed under load.
import { untilTrue } from '../house/until.ts';
import type { World } from '../house/world.ts';
import type { LaneCounts } from '../load/plan.ts';
import type { NamedEnvoy } from './all-envoys.ts';
import { openConnection } from './deny.ts';
import { must } from './step.ts';
import type { Tell } from './tell.ts';

/** After a reconnect, time for a push that should not come. */
export const settleMs = 1500;

/** Throws if a call failed. */
export function tellOfCalls(counts: readonly LaneCounts[], tell: Tell) {
  const sent = counts.reduce((total, count) => total + count.sent, 0);
  const failed = counts.reduce((total, count) => total + count.failed, 0);
  must(failed === 0, `${failed} of ${sent} failed:\n${counts.flatMap(({ failures }) => failures).join('\n')}`);
  const longestGapMs = Math.round(Math.max(...counts.map((count) => count.longestGapMs)));
  tell.held(
    `traffic never stopped: ${sent} sent, 0 failed`,
    `longest time between two answers of a protocol ${longestGapMs} ms`,
  );
  return { sent, failed, longestGapMs };
}

/** Throws if a proxy was sent anything again but its own secrets, lost an endpoint, or rejected something. */
export function nothingSentAgain(before: readonly NamedEnvoy[], after: readonly NamedEnvoy[], tell: Tell): void {
  must(sameEndpoints(before, after), 'an endpoint was lost');
  must(sum(after, ({ rejected }) => rejected) === 0, 'an Envoy rejected an update');
  const repushed = updatesSince(before, after);
  must(repushed.length === 0, `sent again although unchanged:\n${repushed.join('\n')}`);
  tell.held(
    'nothing unchanged was sent again',
    `listeners, clusters, routes, endpoints, policies, bundles: 0 updates in ${after.length} Envoys`,
  );
}

/** An urgent deny, by the control plane that commands ask; milliseconds until it refuses. */
export async function denyAgain(world: World): Promise<number> {
  const connection = await openConnection(world);
  try {
    return await connection.deny();
  } finally {
    connection.close();
  }
}

/** Each protocol has fifty more answers than now. */
export async function answered({ load }: World, when: string): Promise<void> {
  await untilTrue(() => load.counts().length > 0, { what: 'the load runs', withinMs: 5000 });
  const start = load.counts().map(({ sent, failed }) => sent - failed);
  await untilTrue(() => load.counts().every(({ sent, failed }, i) => sent - failed >= (start[i] ?? 0) + 50), {
    what: `every protocol is answered ${when}`,
    withinMs: 15_000,
  });
}

export function sameEndpoints(before: readonly NamedEnvoy[], after: readonly NamedEnvoy[]): boolean {
  return before.every(({ endpoints }, i) => {
    const now = after[i]?.endpoints ?? new Set();
    return endpoints.size === now.size && [...endpoints].every((endpoint) => now.has(endpoint));
  });
}

export function updatesSince(before: readonly NamedEnvoy[], after: readonly NamedEnvoy[]): string[] {
  return after.flatMap(({ name: envoy, updates }, i) =>
    [...updates]
      .map(([name, count]) => ({ name, more: count - (before[i]?.updates.get(name) ?? 0) }))
      .filter(({ more }) => more !== 0)
      .map(({ name, more }) => `${envoy}: ${name} +${more}`),
  );
}

export function sum(envoys: readonly NamedEnvoy[], of: (envoy: NamedEnvoy) => number): number {
  return envoys.reduce((total, envoy) => total + of(envoy), 0);
}
