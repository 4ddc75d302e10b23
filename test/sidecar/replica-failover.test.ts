// Two control planes on one Redis, and real Envoys that know both: one is killed, one hangs, both are restarted one after the other. No
// call fails, and every stream is at the other one within 5 s.
import { afterEach, expect, it } from 'vitest';
import { inOneOfItsOwn } from '../adversary/store/redis-wall-runs.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { protocols } from '../support/protocol-load.ts';
import { planEnvoys } from '../support/replica-envoys.ts';
import { startReplicas } from '../support/replicas.ts';
import { yaml } from '../support/resolve-text.ts';

const hangSeconds = qualifying ? 60 : 6;
const boundMs = qualifying ? 5000 : 20_000;
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 60_000);

it('streams move, and calls go on', async () => {
  const plan = await planEnvoys(qualifying ? protocols : ['http1'], 1);
  const mesh = 'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}';
  const replicas = await startReplicas(yaml(mesh, ...plan.texts), 2, inOneOfItsOwn);
  closers.push(() => replicas.stop());
  const [first, second] = replicas.all;
  if (first === undefined || second === undefined) throw new Error('there are two');
  const envoys = await plan.start(replicas.all);
  closers.push(envoys.close);
  const load = envoys.load();

  process.kill(first.pid ?? 0, 'SIGKILL');
  const killed = await envoys.allAt([second]);
  await first.end().catch(() => undefined);
  await first.start();

  process.kill(second.pid ?? 0, 'SIGSTOP');
  closers.push(() => second.pid !== undefined && process.kill(second.pid, 'SIGCONT'));
  const hanging = performance.now();
  const hung = await envoys.allAt([first]);
  await eventually('it hangs long', () => performance.now() - hanging > hangSeconds * 1000 || undefined, 90_000);
  process.kill(second.pid ?? 0, 'SIGCONT');

  let restarted = 0;
  for (const [going, staying] of [
    [first, second],
    [second, first],
  ] as const) {
    await eventually('the other one is ready', async () => (await staying.admin.status()).revision, 20_000);
    const ending = going.end();
    restarted = Math.max(restarted, await envoys.allAt([staying], 'end'));
    await ending;
    await going.start();
  }

  const failed = await load.end();
  figure('movedAfterKillMs', Math.round(killed));
  figure('movedFromHangingMs', Math.round(hung));
  figure('movedAfterStopMs', Math.round(restarted));
  expect(failed).toEqual([]);
  expect(Math.max(killed, hung, restarted)).toBeLessThan(boundMs);
}, 300_000);
