// Evidence of what changed the documents without asking the control plane: an edited file. What `apply` changes, who asked for it
// records.
import type { AuditLog } from '../audit/audit-log.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Store } from '../store/store.ts';

export interface RecordOutsideDeps {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly log: Log;
}

/** The store to apply through from now on: by it, revisions of its own are told from those of outside. */
export function recordOutside({ store, audit, log }: RecordOutsideDeps): Store {
  let last = textsOf(documentsOf(store));
  let applying = 0;
  /** Revisions that came while `apply` had not answered: its own among them. */
  const open = new Map<number, readonly string[]>();
  const flush = (): void => {
    if (applying > 0) return;
    for (const [revision, changed] of open) {
      try {
        audit.append({ kind: 'documents-applied', author: 'outside', revision, changed, urgent: false });
      } catch (reason) {
        log.error({ reason: CellwallError.from(reason).message, revision }, 'not in the audit log');
      }
    }
    open.clear();
  };
  store.watch((event) => {
    if (event.kind !== 'state') return;
    const next = textsOf(event.state.documents);
    const keys = new Set([...last.keys(), ...next.keys()]);
    open.set(
      event.state.revision,
      [...keys].filter((key) => last.get(key) !== next.get(key)),
    );
    last = next;
    // The proxies' turn first, as for what is applied.
    setImmediate(() => setImmediate(flush));
  });
  return {
    ...store,
    async apply(changes, options) {
      applying += 1;
      try {
        const result = await store.apply(changes, options);
        if (result.kind === 'applied') open.delete(result.revision);
        return result;
      } finally {
        applying -= 1;
        if (open.size > 0) setImmediate(flush);
      }
    },
  };
}

function textsOf(documents: readonly ParsedDocument[]): ReadonlyMap<string, string> {
  return new Map(documents.map(({ key, text }) => [key, text]));
}

function documentsOf(store: Store): readonly ParsedDocument[] {
  try {
    return store.state().documents;
  } catch {
    // Nothing was loaded yet.
    return [];
  }
}
