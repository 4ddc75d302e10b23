// What each proxy was sent, accepted and rejected, at whichever replica its stream is: a replica knows it of its own proxies alone, and is
// asked by whoever decides or reports by all of them.
import type { Json } from '../lib/table.ts';
import type { AskReplicas } from './ask-replicas.ts';
import type { ProxyStatus, TypeStatus } from './proxy-status.ts';

/** `own`: all proxies as known here. Nothing is known of what those of a replica that does not answer in time have accepted. */
export function createTypesEverywhere(
  others: Pick<AskReplicas, 'ask' | 'answer'> | undefined,
  own: () => readonly ProxyStatus[],
): () => Promise<readonly ProxyStatus[]> {
  if (others === undefined) return async () => own();
  others.answer('types', () => {
    const here = own().filter(({ replica, state }) => replica === undefined && state === 'connected');
    const rows: readonly Json[] = JSON.parse(JSON.stringify(here.map(({ node, types }) => ({ node, types }))));
    return rows;
  });
  return async () => {
    const told = new Map<string, { readonly replica: string; readonly types: readonly TypeStatus[] }>();
    for (const [replica, rows] of await others.ask('types', null)) {
      for (const row of rows) if (isRow(row)) told.set(row.node, { replica, types: row.types });
    }
    return own().map((proxy) => {
      const there = told.get(proxy.node);
      return there !== undefined && there.replica === proxy.replica ? { ...proxy, types: there.types } : proxy;
    });
  };
}

interface Row {
  readonly node: string;
  readonly types: readonly TypeStatus[];
}

/** Made by a replica of this program, and sealed. */
function isRow(value: unknown): value is Row {
  return (
    typeof value === 'object' && value !== null && 'node' in value && 'types' in value && Array.isArray(value.types)
  );
}
