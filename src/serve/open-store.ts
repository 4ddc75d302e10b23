// The store that the options name, judged by policy.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServeOptions } from '../cli/run.ts';
import { knownRoot } from '../identity/ca/known-root.ts';
import { sealKey } from '../identity/sealed-table.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { Redacted } from '../lib/redacted.ts';
import { parseDocuments } from '../model/parse.ts';
import { formatProblem, type Problem } from '../model/problem.ts';
import { stores } from '../store/catalog.ts';
import type { Change, Holding, StateCheck, Store } from '../store/store.ts';
import { checkSameAuthority } from './same-authority.ts';

/** Documents of another trust domain than the data folder's CA refuse the start, before anything of them is kept. */
export async function openStore(
  options: ServeOptions,
  deps: { readonly check: StateCheck; readonly holding: Holding; readonly clock: Clock; readonly log: Log },
): Promise<Store> {
  const { store, data } = options;
  const opened = await stores[store.kind]({
    documents: store.kind === 'redis' ? '' : (store.documents ?? ''),
    ...(store.kind === 'directory' && store.settleSeconds !== undefined
      ? { settleMs: store.settleSeconds * 1000 }
      : {}),
    state: join(data, 'state'),
    redis: {
      url: store.kind === 'redis' ? store.url : new Redacted(''),
      prefix: 'cellwall',
      sealKey: store.kind === 'redis' ? sealKey(join(data, 'seal.key')) : new Redacted(''),
    },
    check: deps.check,
    holding: deps.holding,
    clock: deps.clock,
    log: deps.log.child({ room: 'store' }),
  });
  if (store.kind === 'memory' && store.documents !== undefined) await load(opened, store.documents);
  if (store.kind === 'redis') {
    // Before anything is asked of an operator: what another control plane sealed is no state here, and not to be written over.
    const folder = join(data, 'ca');
    const authority = { table: opened.table('authority'), folder, fingerprint: knownRoot(folder)?.fingerprint };
    await checkSameAuthority(authority).catch(async (reason: unknown) => {
      // Redis is away: it is asked again before there are identities.
      if (CellwallError.from(reason).code === 'unavailable') return;
      await opened.close();
      throw reason;
    });
  }
  const other = opened.problems().find(({ code }) => code === 'trust-domain-changed');
  if (other === undefined) return opened;
  await opened.close();
  const { file, line, column } = other.source;
  throw new CellwallError('failed_precondition', `${file}:${line}:${column}: ${other.message}`, {
    hint: `is this the right --documents (or Redis) for the data folder ${data}? ${other.hint ?? ''}`,
  });
}

async function load(store: Store, directory: string): Promise<void> {
  const changes: Change[] = [];
  const problems: Problem[] = [];
  for (const name of readdirSync(directory)
    .filter((file) => /\.ya?ml$/.test(file))
    .sort()) {
    const parsed = parseDocuments(readFileSync(join(directory, name), 'utf8'), join(directory, name));
    if (parsed.kind === 'invalid') problems.push(...parsed.problems);
    else changes.push(...parsed.documents.map(({ key, text }): Change => ({ op: 'put', key, text })));
  }
  const applied = problems.length > 0 ? undefined : await store.apply(changes, { author: 'start' });
  const refused = applied === undefined ? problems : applied.kind === 'invalid' ? applied.problems : [];
  if (refused.length > 0) throw new CellwallError('invalid_argument', refused.map(formatProblem).join('\n'));
}
