// The threat model keeps its word where a machine can tell: five attackers with a table each, and every line names a test that is there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../support/source-files.ts';

const page = readFileSync(join(projectRoot, 'docs/threat-model.md'), 'utf8');

interface Line {
  readonly attacker: string;
  readonly tries: string;
  readonly tests: readonly string[];
}

function linesOf(text: string): readonly Line[] {
  return text
    .split(/^### /m)
    .slice(1)
    .flatMap((section) => {
      const [attacker = ''] = section.split(',');
      const [table = ''] = section.split(/^## /m);
      return table
        .split('\n')
        .filter((row) => row.startsWith('|'))
        .slice(2)
        .map((row) => {
          const cells = row.split(/(?<!\\)\|/);
          const tests = [...(cells.at(-2) ?? '').matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
          return { attacker, tries: cells[1]?.trim() ?? '', tests };
        });
    });
}

describe('the threat model', () => {
  const lines = linesOf(page);

  it('has a table for each attacker', () => {
    const attackers = [...page.matchAll(/^### (\w),/gm)].map(([, attacker]) => attacker);
    expect(attackers).toEqual(['N', 'W', 'S', 'L', 'R']);
  });

  it('names a test for each line, and each is there', () => {
    const without = lines
      .filter(({ tests }) => tests.length === 0)
      .map(({ attacker, tries }) => `${attacker}: ${tries}`);
    expect(without).toEqual([]);
    const [, holds = ''] = page.split('## What holds of the CA and of identities');
    const rules = (holds.split('\n## ')[0] ?? '')
      .split('\n')
      .filter((row) => row.startsWith('| '))
      .slice(1);
    expect(rules.filter((row) => !/`test\/[^`]+`/.test(row))).toEqual([]);
    expect(rules.length).toBeGreaterThan(15);
    const named = rules.flatMap((row) => [...row.matchAll(/`(test\/[^`]+)`/g)].map(([, file = '']) => file));
    const missing = [...lines.flatMap(({ tests }) => tests), ...named].filter(
      (file) => !existsSync(join(projectRoot, file)),
    );
    expect(missing).toEqual([]);
  });
});
