// What tests of a rotation with cells have in common: one whole rotation, who holds one up, processes that stand still, and a client with
// files that does not renew by itself.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CaAnswer } from '../../src/admin/wire-ca.ts';
import type { RotationPhase } from '../../src/identity/roots/roots-record.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { type CellsWorld, oldClient } from './cells-world.ts';
import { eventually } from './eventually.ts';
import { rotated, toldWhy } from './root-rotations.ts';
import type { ServeProcess } from './serve-process.ts';
import { tlsTry } from './tls-try.ts';

export type ShownHoldUp = NonNullable<CaAnswer['rotation']>['holdUps'][number];

export interface HoldingUp {
  readonly waitMs: number;
  /** For how long it is watched that nothing moves. */
  readonly holdMs: number;
}

/** Resolves once the rotation is in that phase, and held up by whoever `names`, by nobody else; and stays so. */
export async function heldUpBy(
  { parent }: CellsWorld,
  { waitMs, holdMs }: HoldingUp,
  phase: RotationPhase,
  names: (holdUp: ShownHoldUp) => boolean,
): Promise<readonly ShownHoldUp[]> {
  const held = async (): Promise<readonly ShownHoldUp[] | undefined> => {
    const { rotation } = await parent.admin.ca();
    const { holdUps = [] } = rotation ?? {};
    return rotation?.phase === phase && holdUps.length > 0 && holdUps.every(names) ? holdUps : undefined;
  };
  const found = await eventually('it is held up', held, waitMs).catch(toldWhy(parent));
  const since = performance.now();
  await eventually('it stays so', () => performance.now() - since > holdMs || undefined, 20_000);
  expect(await held()).toBeDefined();
  return found;
}

/** The cell itself, and its control plane as one who has a certificate. */
export const isCell =
  (cell: string) =>
  ({ kind, who }: ShownHoldUp): boolean =>
    kind === 'follower' ? who === cell : who.startsWith(`spiffe://td1/cellwall/follower/${cell} `);

export async function paused(pids: readonly number[], meanwhile: () => Promise<void>): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    await meanwhile();
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
}

export const rootsAt = async ({ admin }: ServeProcess): Promise<readonly string[]> =>
  (await admin.ca()).roots.map(({ name }) => name);

/** Both cells have the roots of the parent, and sign under the one that signs there. */
export async function expectSame({ parent, cells }: CellsWorld): Promise<void> {
  const { roots, intermediate } = await parent.admin.ca();
  for (const { serve, name } of cells) {
    const there = await serve.admin.ca();
    expect([name, there.roots.map((root) => root.name)]).toEqual([name, roots.map((root) => root.name)]);
    expect([name, there.intermediate.root]).toEqual([name, intermediate.root]);
  }
}

/** One whole rotation, which `begin` begins. */
export async function wholeRotation(
  world: CellsWorld,
  waitMs: number,
  begin: () => Promise<unknown>,
): Promise<CaAnswer> {
  const { parent } = world;
  const before = await parent.admin.ca();
  await begin();
  const after = await rotated(parent, before.last, waitMs);
  expect(after.last).toMatchObject({ outcome: 'rotated', cut: [] });
  expect(after.roots).toHaveLength(1);
  expect(after.roots[0]?.name).not.toBe(before.roots[0]?.name);
  await expectSame(world);
  return after;
}

interface Files {
  readonly cert: string;
  readonly key: string;
}

export interface OldClient {
  /** Those that it has now. */
  files(): Files;
  /** The cells in which the service takes it. */
  taken(own: Files): Promise<readonly string[]>;
  renew(): Promise<unknown>;
  /** Nobody waits for it any more. */
  evict(): Promise<unknown>;
}

/** Of the first cell. */
export async function startOldClient({ cells }: CellsWorld): Promise<OldClient> {
  const [{ serve }] = cells;
  const dir = join(serve.folder, 'old');
  const fetching = { identity: `127.0.0.1:${serve.ports.identity}`, dir, log: silentLog };
  const { token } = await serve.admin.createToken({ spiffeId: oldClient });
  await fetchSvid({ ...fetching, token: new Redacted(token) });
  return {
    files: () => ({
      cert: readFileSync(join(dir, 'svid.pem'), 'utf8'),
      key: readFileSync(join(dir, 'key.pem'), 'utf8'),
    }),
    async taken(own) {
      const tries = cells.map(async ({ name, inbound }) => {
        const { taken } = await tlsTry({ port: inbound.get('http1') ?? 0, ...own });
        return taken ? [name] : [];
      });
      return (await Promise.all(tries)).flat();
    },
    renew: () => fetchSvid(fetching),
    evict: () => serve.admin.evict(oldClient),
  };
}
