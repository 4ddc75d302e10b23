// `npm ci` takes package-lock.json on every platform.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { missing } from '../scripts/complete-lock.ts';
import { projectRoot } from './support/source-files.ts';

it('names the packages of every platform; if this fails: node scripts/complete-lock.ts --write', () => {
  const lock = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8'));
  expect(missing(lock.packages)).toEqual({});
});

it('finds what is left out, where npm looks for it', () => {
  const binding = '@x/binding-linux-arm64-musl';
  const parent = { version: '1.0.0', dev: true, optionalDependencies: { [binding]: '1.0.0' } };
  const wanted = { version: '1.0.0', dev: true, optional: true, cpu: ['arm64'], os: ['linux'], libc: ['musl'] };
  expect(missing({ 'node_modules/x': parent })).toEqual({ [`node_modules/${binding}`]: wanted });
  const other = { [`node_modules/${binding}`]: { version: '2.0.0' } };
  expect(missing({ 'node_modules/x': parent, ...other })).toEqual({
    [`node_modules/x/node_modules/${binding}`]: wanted,
  });
});
