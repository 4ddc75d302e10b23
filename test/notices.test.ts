// THIRD_PARTY_NOTICES.md is what scripts/notices.ts makes of the installed packages.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { notices } from '../scripts/notices.ts';
import { projectRoot } from './support/source-files.ts';

it('covers everything that the package bundles; if this fails: npm run notices', () => {
  expect(readFileSync(join(projectRoot, 'THIRD_PARTY_NOTICES.md'), 'utf8')).toBe(notices());
});

it('tells the licence of each', () => {
  expect(notices()).not.toContain('(the package ships no licence text)');
  expect(notices()).not.toContain(', see text');
});
