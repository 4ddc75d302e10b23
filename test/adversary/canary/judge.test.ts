// What a run is told of what it kept: exceptions hold for what they say and no more, and one that is of no use is named.
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Exception } from '../../support/canary/exceptions.ts';
import { judge, type Verdict } from '../../support/canary/judge.ts';
import { createKeeper, type Keeper } from '../../support/canary/keeper.ts';

let work: string;
let keeper: Keeper;
// Not made by the product: it is no secret of the run that this test belongs to.
const token = randomBytes(32);

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'cellwall-judge-'));
  keeper = createKeeper(work);
  keeper.setTest('test/a.test.ts');
  keeper.line('secrets', { kind: 'join token', hex: token.toString('hex'), test: 'test/a.test.ts' });
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

const answer: Exception = {
  reason: 'who asks is told',
  kind: /^answer$/,
  label: /^POST \/v1\/tokens$/,
  secret: /^join token$/,
  before: /"token":"$/,
};
const own: Exception = { reason: 'its file', kind: /^file$/, label: /\/own$/, secret: /^join token$/, privately: true };
const verdict = (...exceptions: readonly Exception[]): Verdict =>
  judge({ folder: work, exceptions, suite: 'tests', more: [] });

function keepFile(name: string, mode: number): void {
  const path = join(work, name);
  writeFileSync(path, token.toString('base64url'));
  chmodSync(path, mode);
  const kept = keeper.place('file');
  linkSync(path, kept);
  // Twice: by its descriptor, and when it was removed.
  for (let time = 0; time < 2; time++) keeper.line('files', { kept, path: `/tmp/x/${name}`, test: 'test/a.test.ts' });
}

test('what is made to be told is told there, and nowhere else', () => {
  const say = (label: string, text: string): void => keeper.block({ kind: 'answer', label }, Buffer.from(text));
  const text = token.toString('base64url');
  say('POST /v1/tokens', `{"token":"${text}"}`);
  expect(verdict(answer)).toMatchObject({ secrets: 1, outputs: 1, cut: 0, found: [], unused: [] });
  say('POST /v1/tokens', `{"token":"","error":"${text}"}`);
  say('GET /v1/tokens', `{"token":"${text}"}`);
  // Which form is seen first, and so the order, depends on the random token.
  expect(
    verdict(answer)
      .found.map((one) => /^join token \(base64(?:url)?\) (.*), after/.exec(one)?.[1])
      .toSorted(),
  ).toEqual(['in answer of GET /v1/tokens, test/a.test.ts', 'in answer of POST /v1/tokens, test/a.test.ts']);
});

test('a file of its own is for its owner alone', () => {
  keepFile('own', 0o600);
  expect(verdict(own)).toMatchObject({ outputs: 1, found: [], unused: [] });
  rmSync(join(work, 'own'));
  keepFile('own', 0o640);
  expect(verdict(own)).toMatchObject({ outputs: 2, found: [expect.stringContaining(' in file of /tmp/x/own, ')] });
});

test('an exception without use is named, by the suite that needed it', () => {
  expect(verdict(answer, own).unused).toEqual(['who asks is told', 'its file']);
  expect(verdict({ ...answer, suite: 'system' }).unused).toEqual([]);
});

test('the secret is in no word of the verdict', () => {
  keeper.block(
    { kind: 'log', label: 'serve' },
    Buffer.concat([Buffer.from('x '), token, Buffer.from(token.toString('hex'))]),
  );
  const said = JSON.stringify(verdict());
  expect(said).toContain('join token (bytes) in log of serve, test/a.test.ts, after');
  for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const)
    expect(said).not.toContain(token.toString(form));
});
