// Files that can be read and are not whole keep what they said; what waits is told apart from what is refused; denials do not wait.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createDirectoryStore } from '../../../src/store/directory.ts';
import type { Store } from '../../../src/store/store.ts';
import { cellYaml } from '../../support/documents.ts';
import { eventually } from '../../support/eventually.ts';
import { acceptsAll } from '../../support/judged.ts';
import { policyText, yaml } from '../../support/resolve-text.ts';

const settleMs = 400;
const two = `${cellYaml('one', 1)}---\n${cellYaml('two', 2)}`;
const deny = (name: string, path: string, target = 'api'): string =>
  yaml(policyText(name, target, 'deny', `[{from: [{everyone: true}], to: [{path: {exact: ${path}}}]}]`));
let folder: string;
let documents: string;
let store: Store;

const at = (name: string): string => join(documents, name);
const keys = (): readonly string[] => store.state()?.documents.map(({ key }) => key) ?? [];
const code = (): string | undefined => store.problems()[0]?.code;
const becomes = (wanted: string | undefined) =>
  eventually(`the problem ${wanted}`, () => code() === wanted || undefined);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-last-good-'));
  documents = join(folder, 'documents');
  mkdirSync(documents);
  writeFileSync(at('two.yaml'), two);
  writeFileSync(at('deny.yaml'), deny('first', '/a'));
  const options = { documents, state: join(folder, 'state'), check: acceptsAll, log: silentLog, clock: systemClock };
  store = await createDirectoryStore({ ...options, settleMs, pollMs: 60_000 });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  ['emptied', '', 'file-emptied'],
  ['of which comments are left', '# nothing\n', 'file-emptied'],
  ['cut between two documents', cellYaml('one', 1), 'file-cut'],
  ['cut within a document, and no YAML any more', two.slice(0, two.lastIndexOf('{id') + 2), 'yaml-syntax'],
])('a file %s keeps its last good for as long as it stays so', async (_, text, problem) => {
  const before = store.state();
  writeFileSync(at('two.yaml'), text);
  await becomes(problem);
  await delay(3 * settleMs);
  expect([code(), store.state()]).toEqual([problem, before]);
  writeFileSync(at('two.yaml'), `${cellYaml('one', 1)}# end\n`);
  await eventually('what was meant', () => !keys().includes('Cell/two') || undefined);
  expect(store.problems()).toEqual([]);
});

it('a shorter file that is renamed into place is what was meant', async () => {
  writeFileSync(at('.new'), cellYaml('one', 1));
  renameSync(at('.new'), at('two.yaml'));
  await eventually('one document less', () => !keys().includes('Cell/two') || undefined);
});

it('a file whose documents moved to another is not emptied', async () => {
  writeFileSync(at('moved.yaml'), two);
  writeFileSync(at('two.yaml'), '# see moved.yaml\n');
  await eventually(
    'moved',
    () => store.state()?.documents.some(({ source }) => source.file === 'moved.yaml') || undefined,
  );
  expect([keys().length, store.problems()]).toEqual([3, []]);
});

it('a link that leads nowhere is no deletion', async () => {
  mkdirSync(at('.real'));
  renameSync(at('two.yaml'), at('.real/two.yaml'));
  symlinkSync('.real/two.yaml', at('two.yaml'));
  await delay(2 * settleMs);
  const before = keys();
  rmSync(at('.real/two.yaml'));
  await becomes('dangling-link');
  await delay(2 * settleMs);
  expect(keys()).toEqual(before);
  writeFileSync(at('.real/two.yaml'), two);
  await becomes(undefined);
});

it('a file that another process holds open for writing waits for it, however long', async () => {
  const writer = spawn('sh', ['-c', 'exec 3> three.yaml; cat >&3; read none'], {
    cwd: documents,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise((resolve) => writer.once('exit', resolve));
  writer.stdin.write(cellYaml('three', 3));
  await delay(5 * settleMs);
  expect(keys()).not.toContain('Cell/three');
  writer.stdin.end();
  await ended;
  await eventually('in force', () => keys().includes('Cell/three') || undefined);
});

it('a denial is in force before the rest of its edit, and stays if the rest never comes; it goes as slowly as any other', async () => {
  writeFileSync(at('two.yaml'), '');
  writeFileSync(at('more.yaml'), deny('second', '/b'));
  await eventually('the denial', () => keys().includes('AuthorizationPolicy/second') || undefined);
  expect([keys().length, await becomes('file-emptied')]).toEqual([4, true]);
  rmSync(at('more.yaml'));
  writeFileSync(at('two.yaml'), two);
  const removed = performance.now();
  await eventually('gone', () => !keys().includes('AuthorizationPolicy/second') || undefined);
  expect(performance.now() - removed).toBeGreaterThan(settleMs);
  await becomes(undefined);
});

it('apply to what was just edited outside waits for that edit, and loses neither', async () => {
  writeFileSync(at('two.yaml'), `${cellYaml('one', 11)}---\n${cellYaml('two', 2)}`);
  const change = { op: 'put', key: keysOf('Cell/two'), text: cellYaml('two', 22) } as const;
  expect(await store.apply([change], { author: 'tester' })).toMatchObject({ kind: 'applied' });
  const texts = store.state()?.documents.map(({ text }) => text.trim());
  expect(texts).toEqual(expect.arrayContaining([cellYaml('one', 11).trim(), cellYaml('two', 22).trim()]));
});

it('the first policy of a service comes with the rest of its edit: it ends the default that others live by', async () => {
  const states: number[] = [];
  store.watch(() => states.push(keys().length));
  writeFileSync(
    at('web.yaml'),
    `${deny('web', '/c', 'web')}---\n${yaml(policyText('open', 'web', 'allow', '[{from: [{everyone: true}]}]'))}`,
  );
  await eventually('both', () => keys().includes('AuthorizationPolicy/open') || undefined);
  expect(states).toEqual([5]);
});

function keysOf(text: string) {
  const key = store.state()?.documents.find((document) => document.key === text)?.key;
  if (key === undefined) throw new Error(`no ${text}`);
  return key;
}
