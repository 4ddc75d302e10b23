// (7) With two control planes, the one with the most streams is killed with -9: its proxies go to the other one, traffic never stops, no
// endpoint is lost, and what moves is sent its own secrets alone. Then it is started again, and both know all proxies.
import { setTimeout as wait } from 'node:timers/promises';
import type { ControlPlane } from '../house/control-plane.ts';
import { until, untilTrue } from '../house/until.ts';
import type { World } from '../house/world.ts';
import { isConnected, readEnvoys } from './all-envoys.ts';
import { loadPlan } from './load-plan.ts';
import { answered, denyAgain, nothingSentAgain, settleMs, sum, tellOfCalls } from './over-a-kill.ts';
import { must, type Step } from './step.ts';

const boundMs = 5000;

export const oneOfTwoKilled: Step = {
  name: 'one-of-two-killed',
  title: '7  one of two control planes is killed with -9, and started again',
  withinMs: 150_000,
  async run(world, tell) {
    const { controlPlanes, load } = world;
    const { victim, other, streams } = await busiest(controlPlanes);
    const before = await readEnvoys(world);
    const endpoints = sum(before, (envoy) => envoy.endpoints.size);
    must(endpoints > 0, 'no Envoy has an endpoint');
    load.start(loadPlan(world, { concurrency: 2, pauseMs: 15 }));
    let movedMs: number;
    try {
      await answered(world, 'before the kill');
      const pid = victim.pid();
      const killed = performance.now();
      await victim.kill();
      await untilTrue(async () => (await readEnvoys(world)).every(isConnected) && (await allAt(world, other)), {
        what: `every proxy is at the ${other.name}`,
        withinMs: 20_000,
      });
      movedMs = Math.round(performance.now() - killed);
      must(movedMs < boundMs, `it took ${movedMs} ms until every proxy was at the ${other.name}`);
      tell.held(
        `kill -9 ${pid}, the ${victim.name} with ${streams} of ${before.length} proxies`,
        `all at the ${other.name} after ${movedMs} ms, ${endpoints} endpoints stay`,
      );
      await answered(world, `with the ${other.name} alone`);
      const restarted = performance.now();
      await victim.start();
      await untilTrue(async () => (await connectedAs(victim)).length === before.length, {
        what: `the ${victim.name} knows all proxies`,
        withinMs: 20_000,
      });
      tell.held('started again: both know every proxy', `after ${Math.round(performance.now() - restarted)} ms`);
      await wait(settleMs);
      await answered(world, 'with both again');
    } finally {
      await load.stop();
    }
    nothingSentAgain(before, await readEnvoys(world), tell);
    const counts = load.counts();
    const denyMs = await denyAgain(world);
    tell.held('whichever is asked is in control of all', `an urgent deny refuses after ${denyMs} ms`);
    const { sent, failed, longestGapMs } = tellOfCalls(counts, tell);
    return { sent, failed, moved: streams, movedMs, longestGapMs, endpoints, endpointsLost: 0, repushed: 0, denyMs };
  },
};

/** By its streams; how many it has, and the one that stays. */
async function busiest([first, ...more]: World['controlPlanes']) {
  const [second] = more;
  must(second !== undefined, 'there is only one control plane');
  const [atFirst, atSecond] = [await streamsAt(first), await streamsAt(second)];
  const [victim, other] = atSecond > atFirst ? [second, first] : [first, second];
  return { victim, other, streams: Math.max(atFirst, atSecond) };
}

async function connectedAs({ admin }: ControlPlane) {
  const { proxies } = await admin.proxies();
  return proxies.filter(({ state }) => state === 'connected');
}

async function nameOf({ name, admin }: ControlPlane): Promise<string> {
  return until(async () => (await admin.status()).replicas?.find(({ self }) => self)?.id, {
    what: `the ${name} says what it is called`,
    withinMs: 5000,
  });
}

async function streamsAt(plane: ControlPlane): Promise<number> {
  const own = await nameOf(plane);
  return (await connectedAs(plane)).filter(({ replica }) => replica === own).length;
}

async function allAt({ sidecars }: World, plane: ControlPlane): Promise<boolean> {
  // The edge as well.
  return (await streamsAt(plane)) === sidecars.length + 1;
}
