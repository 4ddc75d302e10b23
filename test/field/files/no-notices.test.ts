// A disk whose changes nobody tells (NFS, FUSE, too many watches): every edit is found by the slow look, and half of one never is in
// force. With and without an error from the system.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { Watch } from '../../../src/store/directory/watch-directory.ts';
import { createDirectoryStore } from '../../../src/store/directory.ts';
import { cellYaml } from '../../support/documents.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { acceptsAll } from '../../support/judged.ts';

// As `serve` has them, or a tenth of that.
const [pollMs, settleMs] = qualifying ? [5000, 3000] : [400, 300];
/** A look, the settle time, and what a busy machine takes for the second look. */
const boundMs = pollMs + settleMs + (qualifying ? 1000 : 3000);

const disks: readonly [string, Watch][] = [
  ['that tells nothing', () => ({ close: () => {}, on: () => {} })],
  [
    'that cannot be watched',
    () => {
      throw new Error('ENOSPC: System limit for number of file watchers reached');
    },
  ],
];

let folder: string;
let close: () => Promise<void> = async () => {};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-no-notices-'));
});
afterEach(async () => {
  await close();
  rmSync(folder, { recursive: true, force: true });
});

it.each(disks)(
  'on a disk %s an edit is in force after a look and the settle time, in whatever way it is written',
  async (disk, watch) => {
    const documents = join(folder, 'documents');
    const at = (name: string): string => join(documents, name);
    mkdirSync(documents);
    for (const name of ['one', 'two', 'three']) writeFileSync(at(`${name}.yaml`), cellYaml(name, 1));
    const options = { documents, state: join(folder, 'state'), check: acceptsAll, log: silentLog, clock: systemClock };
    const store = await createDirectoryStore({ ...options, settleMs, pollMs, watch });
    close = () => store.close();
    const texts = (): string =>
      store
        .state()
        ?.documents.map(({ text }) => text)
        .join('') ?? '';
    let slowest = 0;
    const takes = async (what: string, write: () => void, there: () => boolean): Promise<void> => {
      write();
      const began = performance.now();
      await eventually(what, () => there() || undefined, 3 * boundMs);
      slowest = Math.max(slowest, performance.now() - began);
    };
    const holds = (text: string) => (): boolean => texts().includes(text.trim());
    await takes('in place', () => writeFileSync(at('one.yaml'), cellYaml('one', 11)), holds(cellYaml('one', 11)));
    await takes(
      'a rename',
      () => {
        writeFileSync(at('.new'), cellYaml('two', 22));
        renameSync(at('.new'), at('two.yaml'));
      },
      holds(cellYaml('two', 22)),
    );
    await takes('a new file', () => writeFileSync(at('four.yaml'), cellYaml('four', 4)), holds(cellYaml('four', 4)));
    await takes(
      'a removal',
      () => rmSync(at('three.yaml')),
      () => !texts().includes('three'),
    );
    const before = store.state();
    // Half of it, for longer than a look.
    writeFileSync(at('one.yaml'), '');
    await eventually('the half is told', () => store.problems().length > 0 || undefined, 3 * boundMs);
    expect(store.state()).toEqual(before);
    await takes(
      'the whole',
      () => writeFileSync(at('one.yaml'), cellYaml('one', 12)),
      () => holds(cellYaml('one', 12))() && store.problems().length === 0,
    );
    figure(`noNotices${disk.startsWith('that tells') ? 'Silent' : 'Unwatched'}SlowestMs`, Math.round(slowest));
    expect(slowest).toBeLessThan(boundMs);
  },
  120_000,
);
