// (7) The control plane is killed with -9 and started again: traffic never stops, no endpoint is lost, and nothing is sent again
// that did not change (a proxy's own secrets apart).
import { setTimeout as wait } from 'node:timers/promises';
import { untilTrue } from '../house/until.ts';
import type { World } from '../house/world.ts';
import { isConnected, type NamedEnvoy, readEnvoys } from './all-envoys.ts';
import { openConnection } from './deny.ts';
import { loadPlan } from './load-plan.ts';
import { must, type Step } from './step.ts';

/** After the reconnect, time for a push that should not come. */
const settleMs = 1500;

export const controlPlaneKilled: Step = {
  name: 'control-plane-killed',
  title: '7  the control plane is killed with -9, and started again',
  withinMs: 150_000,
  async run(world, tell) {
    const { controlPlane, load, sidecars } = world;
    const before = await readEnvoys(world);
    const endpoints = sum(before, ({ endpoints }) => endpoints.size);
    must(endpoints > 0, 'no Envoy has an endpoint');
    load.start(loadPlan(world, { concurrency: 2, pauseMs: 15 }));
    let downMs: number;
    let reconnectMs: number;
    try {
      await answered(world, 'before the kill');
      const pid = controlPlane.pid();
      const killed = performance.now();
      await controlPlane.kill();
      await answered(world, 'without a control plane');
      const during = await readEnvoys(world);
      must(sameEndpoints(before, during), 'an endpoint was lost while the control plane was gone');
      tell.held(`kill -9 ${pid}`, `${endpoints} endpoints stay in ${before.length} Envoys, calls go on`);
      const restarted = performance.now();
      await controlPlane.start();
      const ready = performance.now();
      await untilTrue(
        async () => {
          const { proxies } = await controlPlane.admin.proxies();
          const connected = proxies.filter(({ state, ready }) => state === 'connected' && ready);
          return connected.length >= sidecars.length && (await readEnvoys(world)).every(isConnected);
        },
        { what: 'every sidecar is connected again', withinMs: 15_000, everyMs: 50 },
      );
      downMs = Math.round(ready - killed);
      reconnectMs = Math.round(performance.now() - ready);
      const started = Math.round(ready - restarted);
      tell.held(
        'started again: every sidecar is back',
        `ready in ${started} ms, all connected ${reconnectMs} ms later`,
      );
      await wait(settleMs);
      await answered(world, 'after the restart');
    } finally {
      await load.stop();
    }
    const after = await readEnvoys(world);
    must(sameEndpoints(before, after), 'an endpoint was lost over the restart');
    must(sum(after, ({ rejected }) => rejected) === 0, 'an Envoy rejected an update');
    const repushed = updatesSince(before, after);
    must(repushed.length === 0, `sent again although unchanged:\n${repushed.join('\n')}`);
    tell.held(
      'nothing unchanged was sent again',
      `listeners, clusters, routes, endpoints, policies, bundles: 0 updates in ${after.length} Envoys`,
    );
    const counts = load.counts();
    const denyMs = await denyAgain(world);
    const updated = updatesSince(after, await readEnvoys(world));
    must(updated.length > 0, 'the counters of the Envoys do not count');
    tell.held(
      'the new control plane is in control',
      `an urgent deny refuses after ${denyMs} ms; ${updated.length} of Envoy's counters rose`,
    );
    const sent = counts.reduce((total, count) => total + count.sent, 0);
    const failed = counts.reduce((total, count) => total + count.failed, 0);
    must(failed === 0, `${failed} of ${sent} failed:\n${counts.flatMap(({ failures }) => failures).join('\n')}`);
    const longestGapMs = Math.round(Math.max(...counts.map((count) => count.longestGapMs)));
    tell.held(
      `traffic never stopped: ${sent} sent, 0 failed`,
      `longest time between two answers of a protocol ${longestGapMs} ms`,
    );
    const streams = sum(after, (envoy) => envoy.streams);
    return {
      sent,
      failed,
      downMs,
      reconnectMs,
      longestGapMs,
      endpoints,
      endpointsLost: 0,
      streams,
      repushed: 0,
      denyMs,
    };
  },
};

async function denyAgain(world: World): Promise<number> {
  const connection = await openConnection(world);
  try {
    return await connection.deny();
  } finally {
    connection.close();
  }
}

/** Each protocol has fifty more answers than now. */
async function answered({ load }: World, when: string): Promise<void> {
  await untilTrue(() => load.counts().length > 0, { what: 'the load runs', withinMs: 5000 });
  const start = load.counts().map(({ sent, failed }) => sent - failed);
  await untilTrue(() => load.counts().every(({ sent, failed }, i) => sent - failed >= (start[i] ?? 0) + 50), {
    what: `every protocol is answered ${when}`,
    withinMs: 15_000,
  });
}

function sameEndpoints(before: readonly NamedEnvoy[], after: readonly NamedEnvoy[]): boolean {
  return before.every(({ endpoints }, i) => {
    const now = after[i]?.endpoints ?? new Set();
    return endpoints.size === now.size && [...endpoints].every((endpoint) => now.has(endpoint));
  });
}

function updatesSince(before: readonly NamedEnvoy[], after: readonly NamedEnvoy[]): string[] {
  return after.flatMap(({ name: envoy, updates }, i) =>
    [...updates]
      .map(([name, count]) => ({ name, more: count - (before[i]?.updates.get(name) ?? 0) }))
      .filter(({ more }) => more !== 0)
      .map(({ name, more }) => `${envoy}: ${name} +${more}`),
  );
}

function sum(envoys: readonly NamedEnvoy[], of: (envoy: NamedEnvoy) => number): number {
  return envoys.reduce((total, envoy) => total + of(envoy), 0);
}
