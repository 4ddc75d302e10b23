// The faults of CAs and identities that others met: the table of docs/threat-model.md says which test shows what of each. Here all of these
// tests run, without those that other items run in their long forms.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Item, Outcome } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

const page = 'docs/threat-model.md';
const title = '## What holds of the CA and of identities';
/** By this many rows less, a row was lost. */
const fewestRows = 25;

export interface FaultRow {
  readonly rule: string;
  readonly tests: readonly string[];
}

/** The rows of the table, in order. Throws for one that names no test. */
export function faultRows(root: string): readonly FaultRow[] {
  const text = readFileSync(join(root, page), 'utf8');
  const [, after = ''] = text.split(`${title}\n`);
  const [section = ''] = after.split('\n## ');
  const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| rule '));
  return rows.map((line) => {
    const [, rule = '', cell = ''] = line.split(/ ?\| ?/);
    const tests = [...cell.matchAll(/`(test\/[^`]+\.test\.ts)`/g)].map(([, file = '']) => file);
    if (tests.length === 0) throw new Error(`${page}: no test shows that ${rule}`);
    return { rule, tests };
  });
}

/** `elsewhere`: files that other items run. */
export function faultsItem(elsewhere: readonly string[]): Item {
  const line =
    'Every fault of CAs and identities that the threat model lists, each with its tests, those of real peers too';
  const bound = 'each row of the table names a test, and all of them pass; long forms: the items beside this one';
  const about = { name: 'faults', line, bound };
  return {
    ...about,
    async run(context: Context): Promise<Outcome> {
      const rows = faultRows(context.root);
      const all = [...new Set(rows.flatMap(({ tests }) => tests))].filter((file) => !elsewhere.includes(file)).sort();
      const isSystem = (file: string): boolean => file.startsWith('test/system/');
      const files = [all.filter((file) => !isSystem(file)), all.filter(isSystem)].filter((some) => some.length > 0);
      const outcomes: Outcome[] = [];
      for (const some of files) {
        outcomes.push(await fromTests({ ...about, files: some, limitMinutes: 20 }).run(context));
      }
      const [own, system] = outcomes;
      return {
        ok: rows.length >= fewestRows && outcomes.every(({ ok }) => ok),
        figures: {
          rows: rows.length,
          files: all.length,
          tests: Number(own?.figures['tests'] ?? 0),
          failedTests: Number(own?.figures['failedTests'] ?? -1),
          systemTests: Number(system?.figures['tests'] ?? 0),
          failedSystemTests: Number(system?.figures['failedTests'] ?? 0),
        },
      };
    },
  };
}
