// (7) The control plane is killed with -9 and started again: traffic never stops, no endpoint is lost, and nothing is sent again
// that did not change (a proxy's own secrets apart).
import { setTimeout as wait } from 'node:timers/promises';
import { untilTrue } from '../house/until.ts';
import { isConnected, readEnvoys } from './all-envoys.ts';
import { loadPlan } from './load-plan.ts';
import {
  answered,
  denyAgain,
  nothingSentAgain,
  sameEndpoints,
  settleMs,
  sum,
  tellOfCalls,
  updatesSince,
} from './over-a-kill.ts';
import { must, type Step } from './step.ts';

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
    nothingSentAgain(before, after, tell);
    const counts = load.counts();
    const denyMs = await denyAgain(world);
    const updated = updatesSince(after, await readEnvoys(world));
    must(updated.length > 0, 'the counters of the Envoys do not count');
    tell.held(
      'the new control plane is in control',
      `an urgent deny refuses after ${denyMs} ms; ${updated.length} of Envoy's counters rose`,
    );
    const { sent, failed, longestGapMs } = tellOfCalls(counts, tell);
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
