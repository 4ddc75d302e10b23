// What a control plane remembers, changed as a whole: whenever the process ends, it is there as it was or as it became.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { finishSwap, onCopy } from '../../src/serve/state-copy.ts';

let data: string;

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'cellwall-state-'));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

const at = (...parts: string[]): string => join(data, ...parts);
const write = (folder: string, text: string): void => {
  mkdirSync(at(folder), { recursive: true });
  writeFileSync(at(folder, 'seen'), text);
};
const remembered = (): string => readFileSync(at('state', 'seen'), 'utf8');

describe('the copy', () => {
  it('takes the place of what was copied, or not if it fails, or is not wanted', async () => {
    write('state', 'old');
    await onCopy(data, true, async (copy) => writeFileSync(join(copy, 'seen'), 'new'));
    expect([readdirSync(data), remembered()]).toEqual([['state'], 'new']);
    const fails = onCopy(data, true, async (copy) => {
      writeFileSync(join(copy, 'seen'), 'half');
      throw new Error('no');
    });
    await expect(fails).rejects.toThrow('no');
    await onCopy(data, false, async (copy) => writeFileSync(join(copy, 'seen'), 'other'));
    expect([readdirSync(data), remembered()]).toEqual([['state'], 'new']);
  });

  it('is where nothing was before', async () => {
    await onCopy(data, true, async () => write('state.moving', 'first'));
    expect([readdirSync(data), remembered()]).toEqual([['state'], 'first']);
  });
});

describe('a process that ends', () => {
  it.each([
    ['while the copy is changed', 0, 'old'],
    ['before the first rename', 1, 'old'],
    ['between the two renames', 2, 'new'],
    ['after both', 3, 'new'],
    ['while the old one is removed', 4, 'new'],
  ])('%s loses nothing', (_, steps, found) => {
    write('state', 'old');
    const all = [
      () => cpSync(at('state'), at('state.moving'), { recursive: true }),
      () => write('state.moving', 'new'),
      () => renameSync(at('state'), at('state.before')),
      () => renameSync(at('state.moving'), at('state')),
      () => rmSync(at('state.before', 'seen')),
    ];
    for (const step of all.slice(0, steps + 1)) step();
    finishSwap(data);
    expect([remembered(), readdirSync(data)]).toEqual([found, ['state']]);
    finishSwap(data);
    expect(existsSync(at('state'))).toBe(true);
  });
});
