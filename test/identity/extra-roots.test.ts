// The file of extra roots: what is whole and quiet is taken, everything else changes nothing.
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ExtraRoots, watchExtraRoots } from '../../src/identity/extra-roots.ts';
import { silentLog } from '../../src/lib/log.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';
import { domainOf } from '../support/identity-harness.ts';
import { testRoot } from '../support/test-bundle.ts';

const [a, b, foreign] = await Promise.all([testRoot(), testRoot(), testRoot('td2')]);
const clock = createFakeClock();
let dir: string;
let file: string;
let watching: ExtraRoots | undefined;
let errors: string[];

beforeEach(() => {
  dir = temporaryFolder('roots');
  file = join(dir, 'roots.pem');
  errors = [];
});
afterEach(() => {
  watching?.close();
  watching = undefined;
  rmSync(dir, { recursive: true, force: true });
});

function watch(text: string): ExtraRoots {
  writeFileSync(file, text);
  const log = heardLog({ error: (fields) => void errors.push(JSON.stringify(fields)) });
  watching = watchExtraRoots({ file, trustDomain: domainOf('td1'), clock, log });
  return watching;
}
const sorted = (...pems: readonly string[]) => [...pems].sort();
/** Long enough to see a change, and that it stays. */
const settled = () => clock.advance(600);

describe('the file of extra roots', () => {
  it('is taken as it is at the start, and again within a second of a change', () => {
    const { roots } = watch(a);
    const told: (readonly string[])[] = [];
    roots.watch((value) => told.push(value));
    expect(roots.value()).toEqual([a]);
    writeFileSync(file, `# both\n${a}${b}`);
    settled();
    expect(roots.value()).toEqual(sorted(a, b));
    writeFileSync(join(dir, 'next'), b);
    renameSync(join(dir, 'next'), file);
    settled();
    expect(told).toEqual([sorted(a, b), [b]]);
  });

  it('says nothing where the same roots are written again', () => {
    const { roots } = watch(a + b);
    const told: unknown[] = [];
    roots.watch((value) => told.push(value));
    writeFileSync(file, `# turned round\n${b}${a}`);
    settled();
    expect(told).toEqual([]);
  });

  it('waits for a change to be quiet', () => {
    const { roots } = watch(a + b);
    writeFileSync(file, a);
    clock.advance(250);
    appendFileSync(file, b);
    clock.advance(250);
    expect(roots.value()).toEqual(sorted(a, b));
    settled();
    expect(roots.value()).toEqual(sorted(a, b));
    expect(errors).toEqual([]);
  });

  it('may hold none where it says so', () => {
    const { roots } = watch('# none yet\n');
    expect(roots.value()).toEqual([]);
    writeFileSync(file, a);
    settled();
    expect(roots.value()).toEqual([a]);
    writeFileSync(file, '# none any more\n\n');
    settled();
    expect(roots.value()).toEqual([]);
  });

  it.each<[string, () => void, RegExp]>([
    ['is emptied', () => writeFileSync(file, ''), /holds no certificate/],
    ['is gone', () => rmSync(file), /cannot be read/],
    ['is something else', () => writeFileSync(file, 'roots: []\n'), /holds no certificate/],
    ['is cut short', () => writeFileSync(file, a + b.slice(0, 200)), /in the middle of a certificate/],
    ['holds a root of another trust domain', () => writeFileSync(file, a + foreign), /that of spiffe:\/\/td2/],
    ['is far too large', () => writeFileSync(file, a.repeat(1000)), /larger than/],
  ])('that %s changes nothing, and refuses a start', (_what, damage, message) => {
    const { roots } = watch(a);
    damage();
    settled();
    expect(roots.value()).toEqual([a]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(message);
    settled();
    expect(errors).toHaveLength(1);
    const start = () => watchExtraRoots({ file, trustDomain: domainOf('td1'), clock, log: silentLog });
    expect(start).toThrow(message);
    writeFileSync(file, a + b);
    settled();
    expect(roots.value()).toEqual(sorted(a, b));
  });
});
