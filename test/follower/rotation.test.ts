// The root is replaced at the parent of a cell with a control plane of its own: the cell's hosts and tokens hold it up by their names,
// a cell that is cut off by its own, over restarts of both; back again; and who may report, and what.
import { request } from 'node:https';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CaAnswer } from '../../src/admin/wire-ca.ts';
import { formatRotation } from '../../src/cli/output/format-rotation.ts';
import { deliver } from '../../src/identity-api/deliver.ts';
import { identityPaths } from '../../src/identity-api/identity-protocol.ts';
import { connectAs } from '../../src/identity-api/svid-connection.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createSvidFiles, type StoredSvid } from '../../src/sidecar/svid/svid-files.ts';
import { type Cable, layCable } from '../support/cable.ts';
import { eventually } from '../support/eventually.ts';
import { serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

const followerId = 'spiffe://td1/cellwall/follower/cell-1';
const documents = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
  'kind: Cell\nmetadata: {name: cell-1}\nspec: {id: 1, controlPlane: {}}',
  serviceText('web'),
);
const closers: (() => unknown)[] = [];
let parent: ServeHarness;
beforeEach(async () => {
  parent = await startServe(documents);
  closers.push(() => parent.stop());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function follow(): Promise<{ readonly cell: ServeHarness; readonly cable: Cable }> {
  const { token } = await parent.admin.createToken({ spiffeId: followerId });
  const cable = await layCable(parent.identityPort);
  closers.push(() => cable.close());
  const cell = await startServe('', { parent: { addresses: `127.0.0.1:${cable.port}`, token: new Redacted(token) } });
  closers.push(() => cell.stop());
  return { cell, cable };
}

const namesOf = ({ rotation }: CaAnswer): readonly string[] => (rotation?.holdUps ?? []).map(({ who }) => who);

/** Resolves once it is held up in `publish` by exactly these. */
const heldUpBy = (names: readonly string[], state: string): Promise<CaAnswer> => {
  const look = async (): Promise<CaAnswer | undefined> => {
    const answer = await parent.admin.ca();
    const { phase, cells = [] } = answer.rotation ?? {};
    const same = namesOf(answer).toSorted().join() === names.toSorted().join();
    return phase === 'publish' && same && cells.some((one) => one.state === state) ? answer : undefined;
  };
  return eventually(`it is held up by ${names.join(' and ')}`, look, 30_000).catch(async (reason: unknown) => {
    throw new Error(`${String(reason)}: ${JSON.stringify((await parent.admin.ca()).rotation)}`);
  });
};

const over = (): Promise<CaAnswer> =>
  eventually(
    'it is over',
    async () => {
      const answer = await parent.admin.ca();
      return answer.rotation === undefined && answer.last !== undefined ? answer : undefined;
    },
    40_000,
  ).catch(async (reason: unknown) => {
    throw new Error(`${String(reason)}: ${JSON.stringify((await parent.admin.ca()).rotation)}`);
  });

it('waits for whoever is in the cell, and for the cell when it is cut off, by their names; over restarts of both', async () => {
  const { cell, cable } = await follow();
  const { token: _, id } = await cell.admin.createToken({ service: 'web' });
  cable.cut();
  await parent.admin.rotateRoot({ quiet: '1s' });
  await eventually(
    'it is held up by the cell itself',
    async () => namesOf(await parent.admin.ca()).includes('cell-1') || undefined,
    30_000,
  );
  // It issues certificates as before.
  await cell.enrol('spiffe://td1/service/web');
  // Who has files, which nobody renews.
  await cell.admin.evict('spiffe://td1/service/web');
  cable.mend();
  const held = await heldUpBy(['cell-1: token spiffe://td1/service/web'], 'held');
  expect(formatRotation(held.rotation ?? raise(), Date.now())).toMatch(/cells +cell-1 held up by 1\n/);
  const { rotation } = await cell.admin.ca();
  expect(rotation).toMatchObject({ atParent: true, phase: 'publish', held: 1 });
  expect(formatRotation(rotation ?? raise(), Date.now())).toMatch(/^parent's rotation +publish/);

  await cell.restart();
  await parent.restart();
  await heldUpBy(['cell-1: token spiffe://td1/service/web'], 'held');
  await cell.admin.revokeToken(id);
  const after = await over();
  expect(after.last).toMatchObject({ outcome: 'rotated', cut: [] });
  const there = await cell.admin.ca();
  expect(there.roots.map(({ name }) => name)).toEqual(after.roots.map(({ name }) => name));
  expect(there.intermediate.root).toBe(after.roots[0]?.name);
  await eventually('it hears the end', async () => (await cell.admin.ca()).rotation === undefined || undefined);
}, 120_000);

it('goes back when it is aborted, whatever of it the cell has heard; a cell that is evicted holds nothing up', async () => {
  const { cell, cable } = await follow();
  const before = await parent.admin.ca();
  const { id } = await cell.admin.createToken({ service: 'web' });
  await parent.admin.rotateRoot({ quiet: '1s' });
  await heldUpBy(['cell-1: token spiffe://td1/service/web'], 'held');
  expect((await cell.admin.ca()).roots).toHaveLength(2);
  cable.cut();
  await parent.admin.abortRotation();
  expect((await over()).last).toMatchObject({ outcome: 'aborted', cut: [] });
  cable.mend();
  const names = (answer: CaAnswer): readonly string[] => answer.roots.map(({ name }) => name);
  const dropped = async (): Promise<true | undefined> => {
    const there = await cell.admin.ca();
    return (names(there).join() === names(before).join() && there.rotation === undefined) || undefined;
  };
  await eventually('the cell has dropped it', dropped, 20_000);
  await cell.admin.revokeToken(id);

  await cell.stop();
  await parent.admin.rotateRoot({ quiet: '1s' });
  const away = await eventually(
    'it is held up by the cell, which is away',
    async () => (await parent.admin.ca()).rotation?.cells?.find(({ state }) => state === 'away'),
    30_000,
  );
  expect(away).toEqual({ cell: 'cell-1', state: 'away' });
  await parent.admin.evict(followerId);
  expect((await eventually('it goes on', async () => rotatedOf(await parent.admin.ca()), 40_000)).outcome).toBe(
    'rotated',
  );
}, 120_000);

function rotatedOf({ last }: CaAnswer): CaAnswer['last'] {
  return last?.outcome === 'rotated' ? last : undefined;
}

function raise(): never {
  throw new Error('there is a rotation');
}

async function svidOf(spiffeId: string): Promise<StoredSvid> {
  return createSvidFiles((await parent.enrol(spiffeId)).dir).read() ?? raise();
}

it('is not begun while a cell of an earlier version follows; and takes reports from cells alone, and nothing else for one', async () => {
  const own = await svidOf(followerId);
  const at = { host: '127.0.0.1', port: parent.identityPort };
  const say = (svid: StoredSvid, body: object): Promise<void> =>
    deliver({ ...at, svid, timeoutMs: 5000, path: identityPaths.followReport, body: async () => body });
  // As an earlier version asks.
  const following = request({ createConnection: () => connectAs(own, at), ...at, path: identityPaths.follow });
  const started = new Promise((resolve) => following.once('response', (response) => resolve(response.resume())));
  following.on('error', () => undefined).end();
  await started;
  try {
    expect((await parent.admin.status()).followers).toMatchObject([{ cell: 'cell-1', takesPart: false }]);
    await expect(parent.admin.rotateRoot({ quiet: '1s' })).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('cell-1 is of an earlier version'),
    });
    expect((await parent.admin.ca()).rotation).toBeUndefined();
  } finally {
    following.destroy();
  }

  const report = { version: 1, roots: [], issuers: [], held: 0, holdUps: [] };
  await say(own, report);
  await expect(say(own, { ...report, held: 'none' })).rejects.toMatchObject({ code: 'invalid_argument' });
  await expect(say(await svidOf('spiffe://td1/service/web'), report)).rejects.toMatchObject({
    code: 'permission_denied',
  });
}, 60_000);
