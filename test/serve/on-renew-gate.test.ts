// A program with files, whose helper runs a command after each renewal: a rotation of the root counts it as moved once that command has
// ended well, not before; the helper as its users run it.
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { qualifying } from '../support/figure.ts';
import { type FileClient, startFileClient } from '../support/file-client.ts';
import { workloadText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

const id = 'spiffe://td1/files';
/** Hosts renew within a few seconds; a machine may be busy. */
const waitMs = 90_000;
let plane: ServeHarness;
let client: FileClient | undefined;
const inFolder = (name: string): string => join(plane.folder, name);

beforeEach(async () => {
  plane = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}, svid: {lifetime: 30s}}',
      workloadText('files', `{identity: {spiffeId: "${id}"}}`),
    ),
  );
});
afterEach(async () => {
  await client?.stop();
  client = undefined;
  await plane.stop();
});

/**
 * Its program has what the command copied. `broken`: it fails; `pinned`: it fails for another certificate than this one. A helper that
 * begins anew runs the command at once if its program was not told.
 */
async function start(): Promise<void> {
  const { token } = await plane.admin.createToken({ spiffeId: id });
  const [svid, has, pinned] = [inFolder('svid'), inFolder('has.pem'), inFolder('pinned')];
  const known = `{ test ! -e ${pinned} || cmp -s ${pinned} ${svid}/svid.pem; }`;
  client = await startFileClient({
    ...{ identity: `127.0.0.1:${plane.identityPort}`, spiffeId: id, token, dir: svid },
    onRenew: `test ! -e ${inFolder('broken')} && ${known} && cat ${svid}/bundle.pem ${svid}/svid.pem > ${has}`,
  });
}
async function restart(): Promise<void> {
  await client?.stop();
  await start();
}
/** The rotation waits there for that host alone, whose command failed. */
const heldIn = (phase: string) =>
  eventually(
    `it holds ${phase} up`,
    async () => {
      const { rotation } = await plane.admin.ca();
      const [one, ...more] = rotation?.holdUps ?? [];
      const isIt = more.length === 0 && one?.why.includes('--on-renew failed') === true;
      return rotation?.phase === phase && isIt ? one : undefined;
    },
    waitMs,
  ).catch(async (reason: unknown) => {
    throw new Error(`${String(reason)}: ${JSON.stringify((await plane.admin.ca()).rotation)}: ${client?.log()}`);
  });

it('a command that fails holds a rotation up, by the name of its host, until it has ended well', {
  timeout: 300_000,
}, async () => {
  await start();
  writeFileSync(inFolder('broken'), '');
  const before = await plane.admin.ca();
  await plane.admin.rotateRoot({ quiet: '1s' });
  const why = /failed \(it ended with 1\): its program may have what it had before; serial/;
  const who = expect.stringContaining(id);
  expect(await heldIn('publish')).toMatchObject({ kind: 'certificate', who, why: expect.stringMatching(why) });
  expect(existsSync(inFolder('has.pem'))).toBe(false);
  if (qualifying) {
    // The new root is given to it, a new certificate is not.
    copyFileSync(inFolder('svid/svid.pem'), inFolder('pinned'));
    rmSync(inFolder('broken'));
    await restart();
    expect(await heldIn('renew')).toMatchObject({ kind: 'certificate', who, why: expect.stringMatching(why) });
    expect(readFileSync(inFolder('svid/svid.pem'), 'utf8')).not.toBe(readFileSync(inFolder('pinned'), 'utf8'));
  }
  for (const name of ['broken', 'pinned']) rmSync(inFolder(name), { force: true });
  await restart();
  const ended = await eventually(
    'the root is replaced',
    async () => {
      const answer = await plane.admin.ca();
      return answer.rotation === undefined && answer.last?.id !== before.last?.id ? answer : undefined;
    },
    waitMs,
  );
  expect(ended.last).toMatchObject({ outcome: 'rotated', cut: [] });
  const has = (): boolean =>
    readFileSync(inFolder('has.pem'), 'utf8').includes(readFileSync(inFolder('svid/svid.pem'), 'utf8'));
  await eventually('its program has what is there', () => has() || undefined);
});
