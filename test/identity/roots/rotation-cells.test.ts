// The root is replaced at a control plane that two cells with control planes of their own follow, all of them processes, with real Envoys
// that call each other within a cell and from one to the other: no call fails; whoever stands still in a cell, or the cell itself, holds it
// up by name; whoever is killed goes on; what has only the old root is refused.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CaAnswer } from '../../../src/admin/wire-ca.ts';
import { readRootsRecord } from '../../../src/identity/roots/roots-note.ts';
import type { RotationPhase } from '../../../src/identity/roots/roots-record.ts';
import {
  expectSame,
  heldUpBy,
  isCell,
  paused,
  rootsAt,
  type ShownHoldUp,
  startOldClient,
  wholeRotation,
} from '../../support/cell-rotations.ts';
import { type CellsWorld, oldClient, startCellsWorld } from '../../support/cells-world.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { killInPhase } from '../../support/kill-in-phase.ts';
import { rotated } from '../../support/root-rotations.ts';

const waitMs = qualifying ? 400_000 : 90_000;
/** Calls of each kind. */
const enough = qualifying ? 3000 : 20;
const phases = ['prepare', 'publish', 'activate', 'renew', 'taint', 'remove'] satisfies RotationPhase[];

let world: CellsWorld;
beforeAll(async () => {
  const protocols = qualifying ? (['http1', 'tcp'] as const) : (['http1'] as const);
  world = await startCellsWorld({ lifetimeMs: qualifying ? 60_000 : 20_000, protocols });
  await world.allFine(60_000);
}, 400_000);
afterAll(() => world.close(), 60_000);

const heldBy = (phase: RotationPhase, names: (holdUp: ShownHoldUp) => boolean) =>
  heldUpBy(world, { waitMs, holdMs: qualifying ? 8000 : 1000 }, phase, names);
const rotate = (how: () => Promise<unknown>): Promise<CaAnswer> => wholeRotation(world, waitMs, how);
const begin = (): Promise<CaAnswer> => world.parent.admin.rotateRoot({ quiet: '1s', reason: 'yearly' });

/** With the control plane of the second cell paused before it hears of it. */
async function beginWithoutOne(): Promise<void> {
  const [one, other] = world.cells;
  await paused([other.serve.pid()], async () => {
    await begin();
    const held = await heldBy('publish', isCell('cell-2'));
    expect(held.find(({ kind }) => kind === 'follower')?.why).toMatch(/has not said/);
    expect((await world.parent.admin.ca()).rotation?.cells).toEqual([
      { cell: 'cell-1', state: 'done', held: 0 },
      { cell: 'cell-2', state: 'silent' },
    ]);
    // The cells show it as well.
    const { rotation } = await one.serve.admin.status();
    expect(rotation).toMatchObject({ atParent: true, phase: 'publish', held: 0 });
  });
}

it('is replaced under load within and between cells, and a cell that stands still holds it up by its name', async () => {
  for (const isRotating of qualifying ? [false, true] : [true]) {
    const loads = [...world.load()];
    const isEnough = (): boolean => loads.every(([, load]) => load.fine() >= (isRotating ? enough : enough / 10));
    let rotations = 0;
    while (isRotating && (rotations === 0 || !isEnough())) {
      await rotate(rotations === 0 ? beginWithoutOne : begin);
      rotations += 1;
    }
    await eventually('there were enough', () => isEnough() || undefined, 600_000);
    const kind = isRotating ? 'rotating' : 'control';
    const ends = await Promise.all(loads.map(async ([what, load]) => [what, await load.end()] as const));
    for (const [what, { fine, failed }] of ends) {
      expect([what, failed]).toEqual([what, []]);
      figure(`${kind} ${what} calls`, fine);
    }
    figure(
      `${kind} failedCalls`,
      ends.reduce((sum, [, { failed }]) => sum + failed.length, 0),
    );
    if (isRotating) figure('rotations', rotations);
  }
}, 1_200_000);

/** Only `npm run qualify` has the time. */
function longForm(name: string, run: () => Promise<void>, timeout: number): void {
  if (qualifying) it(name, run, timeout);
}

longForm(
  'waits for an Envoy that stands still in a cell, by both names',
  async () => {
    await world.allFine(60_000);
    const [{ web, serve }] = world.cells;
    const { proxies } = await serve.admin.proxies();
    const node = proxies.find(({ service }) => service?.endsWith('web-1'))?.node ?? 'none';
    const pids = [await web.envoy(), web.pid];
    const isIt = ({ kind, who }: ShownHoldUp): boolean =>
      kind === 'follower' && who.startsWith('cell-1: ') && who.includes(node.replace(/~.*/, ''));
    await rotate(() =>
      paused(pids, async () => {
        await begin();
        const held = await heldBy('publish', isIt);
        expect(held.map(({ who }) => who)).toContain(`cell-1: proxy ${node}`);
        figure('heldUpBy', held.map(({ who }) => who).join('; '));
      }),
    );
  },
  400_000,
);

longForm(
  'waits for a client of a cell that does not renew; then the old root is refused in both',
  async () => {
    await world.allFine(60_000);
    const client = await startOldClient(world);
    const isIt = ({ kind, who }: ShownHoldUp): boolean =>
      kind === 'follower' && who.startsWith(`cell-1: certificate ${oldClient}`);
    const kept = client.files();
    expect(await client.taken(kept)).toEqual(['cell-1', 'cell-2']);
    await rotate(async () => {
      await begin();
      await heldBy('publish', isIt);
      await client.renew();
      const [held] = await heldBy('renew', isIt);
      expect(held?.why).toMatch(/under the old root; serial [0-9a-f]+, ends/);
      // It calls from one cell to the other with the old one, as the log of a proxy there says.
      const seen = await eventually(
        'it is seen with the old one in the other cell',
        async () => {
          await client.taken(kept);
          const { rotation } = await world.parent.admin.ca();
          return rotation?.holdUps.find(({ who }) => who === `cell-2: caller ${oldClient}`);
        },
        waitMs,
      );
      await client.renew();
      figure('seenInUse', seen.who);
    });
    await world.allFine(60_000);
    expect(await client.taken(kept)).toEqual([]);
    expect(await client.taken(client.files())).toEqual(['cell-1', 'cell-2']);
    await client.evict();
  },
  600_000,
);

longForm(
  'goes back when it is aborted, before and after certificates are under the new one',
  async () => {
    await world.allFine(60_000);
    const { parent, cells } = world;
    const before = await rootsAt(parent);
    const loads = [...world.load()];
    const aborted = async (): Promise<void> => {
      const { last } = await parent.admin.ca();
      await parent.admin.abortRotation({ reason: 'not now' });
      const { last: ended } = await rotated(parent, last, waitMs);
      expect(ended).toMatchObject({ outcome: 'aborted', cut: [] });
      const dropped = async (): Promise<true | undefined> => {
        const all = await Promise.all([parent, ...cells.map(({ serve }) => serve)].map(rootsAt));
        return all.every((names) => names.join() === before.join()) || undefined;
      };
      await eventually('nobody has the new one any more', dropped, 30_000);
      await expectSame(world);
    };
    await paused([cells[1].serve.pid()], async () => {
      await begin();
      await heldBy('publish', isCell('cell-2'));
      const { last } = await parent.admin.ca();
      await parent.admin.abortRotation();
      expect((await rotated(parent, last, waitMs)).last?.outcome).toBe('aborted');
    });
    const client = await startOldClient(world);
    await begin();
    await eventually(
      'it is in publish',
      async () => (await parent.admin.ca()).rotation?.phase === 'publish' || undefined,
    );
    await client.renew();
    await heldBy('renew', ({ who }) => who.startsWith(`cell-1: certificate ${oldClient}`));
    await aborted();
    await client.evict();
    const ends = await Promise.all(loads.map(([, load]) => load.end()));
    expect(ends.flatMap(({ failed }) => failed)).toEqual([]);
    figure('abortFailedCalls', 0);
    await world.allFine(60_000);
  },
  600_000,
);

longForm(
  'goes on after kill -9 of the parent, and of a cell, in every phase',
  async () => {
    const { parent, cells } = world;
    await world.allFine(60_000);
    const loads = [...world.load()];
    const file = join(parent.folder, 'data', 'ca', 'roots.json');
    const killed = new Set<string>();
    // What is over in milliseconds a cell does not hear of.
    const victims = [
      ...phases.map((phase) => ({ phase, what: 'parent', serve: parent })),
      ...phases.slice(1).map((phase, index) => ({ phase, what: 'cell', serve: cells[index % 2 === 0 ? 0 : 1].serve })),
    ];
    for (const { phase, what, serve } of victims) {
      // A phase of milliseconds can be over when the signal arrives.
      for (let tries = 0; tries < 8 && !killed.has(`${what} ${phase}`); tries += 1) {
        await rotate(() =>
          serve.crash(
            async () => {
              const { rotation } = readRootsRecord(readFileSync(file, 'utf8'), file);
              // The parent may go on when a cell that was done has ended.
              killed.add(`${what} ${what === 'parent' ? rotation?.phase : phase}`);
            },
            (pid) => killInPhase({ file, phase, pid }, begin),
          ),
        );
      }
      expect([...killed]).toContain(`${what} ${phase}`);
    }
    const ends = await Promise.all(loads.map(([, load]) => load.end()));
    expect(ends.flatMap(({ failed }) => failed)).toEqual([]);
    figure('killedIn', [...killed].join('; '));
    await world.allFine(60_000);
  },
  1_200_000,
);

longForm(
  'waits for no cell when the root is compromised, and names whom it left behind: a new token brings it back',
  async () => {
    const { parent, cells } = world;
    const [one, other] = cells;
    await world.allFine(60_000);
    const { last, roots } = await parent.admin.ca();
    const began = performance.now();
    await paused([other.serve.pid()], async () => {
      await parent.admin.rotateRoot({ compromised: true, reason: 'a stolen disk' });
      const after = await rotated(parent, last, waitMs);
      expect(after.last?.cut).toContain('cell-2');
      expect(after.roots.map(({ name }) => name)).not.toContain(roots[0]?.name);
      expect(await rootsAt(one.serve)).toEqual(await rootsAt(parent));
      figure('compromisedMs', Math.round(performance.now() - began));
      figure('leftBehind', (after.last?.cut ?? []).join('; '));
    });
    // It knows only the root that is gone, and takes nobody for its parent.
    const { token } = await parent.admin.createToken({ spiffeId: 'spiffe://td1/cellwall/follower/cell-2' });
    writeFileSync(other.tokenFile, token, { mode: 0o600 });
    await other.serve.restart();
    const same = async () => (await rootsAt(other.serve)).join() === (await rootsAt(parent)).join() || undefined;
    await eventually('it has the new root', same, waitMs);
    await expectSame(world);
  },
  600_000,
);
