// `--store memory`: for experiments. It starts with the documents of a directory, if one is given.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';
import { parseDocuments } from '../../model/parse.ts';
import { formatProblem, type Problem } from '../../model/problem.ts';
import { createMemoryStore } from '../memory.ts';
import type { Change, Store } from '../store.ts';
import type { StoreKind } from '../store-kind.ts';

export const memoryStore: StoreKind = {
  options: { documents: { description: 'a directory of *.yaml and *.yml files to begin with' } },
  async open({ options: { documents }, ...settings }) {
    const store = createMemoryStore(settings);
    if (documents !== undefined) await load(store, documents.reveal());
    return store;
  },
};

async function load(store: Store, directory: string): Promise<void> {
  const changes: Change[] = [];
  const problems: Problem[] = [];
  for (const name of namesIn(directory)) {
    const parsed = parseDocuments(readFileSync(join(directory, name), 'utf8'), join(directory, name));
    if (parsed.kind === 'invalid') problems.push(...parsed.problems);
    else changes.push(...parsed.documents.map(({ key, text }): Change => ({ op: 'put', key, text })));
  }
  const applied = problems.length > 0 ? undefined : await store.apply(changes, { author: 'start' });
  const refused = applied === undefined ? problems : applied.kind === 'invalid' ? applied.problems : [];
  if (refused.length > 0) throw new CellwallError('invalid_argument', refused.map(formatProblem).join('\n'));
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((file) => /\.ya?ml$/.test(file))
      .sort();
  } catch (cause) {
    throw new CellwallError('not_found', `${directory} is not a directory that can be read`, {
      hint: 'create it, or name another: --store-option documents=DIR',
      cause,
    });
  }
}
