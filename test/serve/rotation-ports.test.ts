// A root whose key is in wrong hands is replaced at once, at a control plane with ten imported roots and at the one of a cell that follows
// it: afterwards a certificate under it is refused at the xDS port and the identity API of both, with and without a TLS session of
// before; what was renewed is taken.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { eventually } from '../support/eventually.ts';
import { workloadText, yaml } from '../support/resolve-text.ts';
import { startServe } from '../support/serve-harness.ts';
import { testRoot } from '../support/test-bundle.ts';
import { type TlsTry, tlsTry } from '../support/tls-try.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const documents = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
  'kind: Cell\nmetadata: {name: cell-1}\nspec: {id: 1, controlPlane: {}}',
  workloadText('old', '{identity: {spiffeId: "spiffe://td1/old"}}'),
);
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00', 'latin1');
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n`;

interface Door {
  readonly what: string;
  readonly port: number;
  readonly alpn?: string;
  readonly ask: string | Buffer;
}

type Own = Pick<Parameters<typeof tlsTry>[0], 'cert' | 'key'>;

const refused = ({ taken, answer }: TlsTry): boolean => !taken || /^HTTP\/1\.1 401/.test(answer);

it('refuses the old root at the ports of either role, resumed sessions too', async () => {
  const extraRoots = join(temporaryFolder('regions'), 'regions.pem');
  const imported = await Promise.all(Array.from({ length: 10 }, () => testRoot()));
  writeFileSync(extraRoots, imported.join(''));
  const parent = await startServe(documents, { ca: { extraRoots } });
  closers.push(() => parent.stop());
  const { token } = await parent.admin.createToken({ spiffeId: 'spiffe://td1/cellwall/follower/cell-1' });
  const cell = await startServe('', {
    parent: { addresses: `127.0.0.1:${parent.identityPort}`, token: new Redacted(token) },
  });
  closers.push(() => cell.stop());
  const doors = [parent, cell].flatMap((at, index): Door[] => {
    const of = index === 0 ? 'the parent' : 'the cell';
    return [
      { what: `xDS of ${of}`, port: at.xdsPort, alpn: 'h2', ask: preface },
      { what: `identity API of ${of}`, port: at.identityPort, ask: get('/v1/bundle/next?after=0') },
    ];
  });
  const knock = ({ what: _, ...door }: Door, { cert, key }: Own, session?: Buffer): Promise<TlsTry> =>
    tlsTry({ ...door, cert, key, session });
  const enrol = async (): Promise<Own> => {
    const { chain, key } = await parent.enrol('spiffe://td1/old');
    return { cert: readFileSync(chain, 'utf8'), key: readFileSync(key, 'utf8') };
  };
  const old = await enrol();
  const sessions = new Map<string, Buffer | undefined>();
  for (const door of doors) {
    const first = await knock(door, old);
    expect([door.what, refused(first)]).toEqual([door.what, false]);
    sessions.set(door.what, first.session);
  }

  const before = await parent.admin.ca();
  await parent.admin.rotateRoot({ compromised: true, reason: 'a stolen disk' });
  const after = await eventually(
    'the root is replaced',
    async () => {
      const answer = await parent.admin.ca();
      return answer.last === undefined || answer.rotation !== undefined ? undefined : answer;
    },
    120_000,
  );
  expect(after.last?.cut).toEqual(expect.arrayContaining([expect.stringContaining('spiffe://td1/old')]));
  const states = after.roots.map(({ state }) => state).toSorted();
  expect(states).toEqual(['active', ...imported.map(() => 'extra')]);
  expect(after.roots.map(({ name }) => name)).not.toContain(before.intermediate.root);
  await eventually(
    'the cell has it',
    async () => (await cell.admin.ca()).intermediate.root === after.intermediate.root || undefined,
    60_000,
  );

  const renewed = await enrol();
  for (const door of doors) {
    const { what } = door;
    const again = await knock(door, old, sessions.get(what));
    expect([what, refused(again), again.taken && again.resumed]).toEqual([what, true, false]);
    expect([what, refused(await knock(door, old))]).toEqual([what, true]);
    await eventually(
      `${what} takes the new one`,
      async () => !refused(await knock(door, renewed)) || undefined,
      20_000,
    );
  }
}, 300_000);
