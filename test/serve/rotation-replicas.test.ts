// The root is replaced by two control planes on one Redis, each a process of its own, with real Envoys under load: the one that leads is
// killed on the way, one stands still, both show the same, and no call fails.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { CaAnswer } from '../../src/admin/wire-ca.ts';
import { inOneOfItsOwn } from '../adversary/store/redis-wall-runs.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { protocols } from '../support/protocol-load.ts';
import { planEnvoys } from '../support/replica-envoys.ts';
import { type Replica, startReplicas } from '../support/replicas.ts';
import { yaml } from '../support/resolve-text.ts';

const waitMs = qualifying ? 150_000 : 120_000;
const phases = ['publish', 'activate', 'renew', 'taint', 'remove'] as const;
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 60_000);

const told = async ({ admin }: Replica): Promise<CaAnswer | undefined> => admin.ca().catch(() => undefined);

/** Resolves when they all say that it is over. */
const over = (replicas: readonly Replica[], before: CaAnswer['last']): Promise<readonly CaAnswer[]> =>
  eventually(
    'the root is replaced',
    async () => {
      const answers = await Promise.all(replicas.map(told));
      return answers.every((one) => one !== undefined && one.rotation === undefined && one.last?.id !== before?.id)
        ? answers.flatMap((one) => one ?? [])
        : undefined;
    },
    waitMs,
  ).catch(async (reason: unknown) => {
    const answers = await Promise.all(replicas.map(told));
    throw new Error(`${String(reason)}: ${JSON.stringify(answers.map((one) => one?.rotation))}`);
  });

it('goes on when the one that leads is killed, waits by name for one that stands still, and no call fails', async () => {
  const plan = await planEnvoys(qualifying ? protocols : ['http1'], 1);
  const mesh =
    'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}, svid: {lifetime: 30s}}';
  const replicas = await startReplicas(yaml(mesh, ...plan.texts), 2, inOneOfItsOwn, { bootstrap: true });
  closers.push(() => replicas.stop());
  const [first, second] = replicas.all;
  if (first === undefined || second === undefined) throw new Error('there are two');
  const envoys = await plan.start(replicas.all);
  closers.push(envoys.close);
  const load = envoys.load();
  const killed: string[] = [];

  for (let round = 0; round < (qualifying ? phases.length : 1); round += 1) {
    const before = await first.admin.ca();
    // Any of them takes the command.
    await [first, second][round % 2]?.admin.rotateRoot({ quiet: '1s', reason: 'yearly' });
    const phase = qualifying ? (phases[round] ?? 'publish') : 'renew';
    await eventually(
      `it is at ${phase}, or later`,
      async () => {
        const answer = await told(first);
        const at = phases.findIndex((one) => one === answer?.rotation?.phase);
        return at >= phases.indexOf(phase) || answer?.last?.id !== before.last?.id || undefined;
      },
      waitMs,
    );
    // Each in turn: one of them leads.
    const victim = round % 2 === 0 ? first : second;
    killed.push((await told(victim))?.rotation?.phase ?? 'none');
    process.kill(victim.pid ?? 0, 'SIGKILL');
    await victim.end().catch(() => undefined);
    await delay(qualifying ? 3000 : 500);
    await victim.start();
    const answers = await over(replicas.all, before.last);
    for (const answer of answers) {
      expect(answer.last).toMatchObject({ outcome: 'rotated', cut: [] });
      expect(answer.roots).toEqual(answers[0]?.roots);
      expect(answer.roots).toHaveLength(1);
      expect(answer.roots[0]?.name).not.toBe(before.roots[0]?.name);
      expect(answer.intermediate.root).toBe(answer.roots[0]?.name);
    }
  }
  figure('phasesKilledIn', killed.join(' '));

  // Half a minute until it is known that one that stood still does not lead any more.
  if (qualifying) await standsStill(first, second, replicas.all);

  expect(await load.end()).toEqual([]);
}, 900_000);

async function standsStill(first: Replica, second: Replica, all: readonly Replica[]): Promise<void> {
  const { last, roots } = await first.admin.ca();
  process.kill(second.pid ?? 0, 'SIGSTOP');
  try {
    await first.admin.rotateRoot({ quiet: '1s' });
    const held = await eventually(
      'it is held up by the one that stands still',
      async () => (await told(first))?.rotation?.holdUps.find(({ kind }) => kind === 'replica'),
      60_000,
    );
    expect(held.why).toMatch(/does not answer|not heard/);
    figure('heldUpBy', held.why);
    // None under the old root alone: nobody has been given the new one without the other knowing.
    expect(
      (await first.admin.ca()).roots.some(({ name, state }) => name === roots[0]?.name && state === 'active'),
    ).toBe(true);
  } finally {
    process.kill(second.pid ?? 0, 'SIGCONT');
  }
  const [one, other] = await over(all, last);
  expect(one?.roots).toEqual(other?.roots);
}
