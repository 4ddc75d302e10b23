// Evidence of changes to the documents that bypassed the control plane: an edited file, also one that was edited while the control plane
// was down. Changes by `apply` are recorded by whoever requested them.
import type { AuditEvent } from '../audit/audit-event.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Revision } from '../store/revision.ts';
import type { Store } from '../store/store.ts';

export interface RecordOutsideDeps {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly log: Log;
}

type DocumentsApplied = Extract<AuditEvent, { kind: 'documents-applied' }>;

/** The store to apply through from now on: by it, its own revisions are distinguished from those from outside. */
export async function recordOutside({ store, audit, log }: RecordOutsideDeps): Promise<Store> {
  const append = async (event: DocumentsApplied): Promise<void> => {
    try {
      await audit.append(event);
    } catch (reason) {
      log.error({ reason: CellwallError.from(reason).message, revision: event.revision }, 'not in the audit log');
    }
  };
  // Nothing waits for it: a long log is read in slices.
  void appendMissing(await store.history(), audit, append).catch((reason: unknown) =>
    log.error(
      { reason: CellwallError.from(reason).message },
      'changes made while this was down are not in the audit log',
    ),
  );
  let last = textsOf(store.state()?.documents ?? []);
  let applying = 0;
  /** Revisions that arrived before `apply` had returned: its own is among them. */
  const open = new Map<number, readonly string[]>();
  const flush = (): void => {
    if (applying > 0) return;
    for (const [revision, changed] of open) {
      void append({ kind: 'documents-applied', author: 'outside', revision, changed, urgent: false });
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
    // The proxies come first, as with applied changes.
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

/**
 * What the history knows to have come from outside, and the log does not contain. Revisions may have started again: the time counts, too.
 */
async function appendMissing(
  history: readonly Revision[],
  audit: AuditLog,
  append: (event: DocumentsApplied) => Promise<void>,
): Promise<void> {
  const outside = history.filter(({ author }) => author === undefined);
  if (outside.length === 0) return;
  const recorded = new Map<number, number>();
  for await (const { event, time } of audit.since(Math.min(...outside.map(({ at }) => at)))) {
    if (event.kind === 'documents-applied') recorded.set(event.revision, Date.parse(time));
  }
  for (const { revision, changes } of outside
    .filter(({ revision, at }) => (recorded.get(revision) ?? 0) < at)
    .toReversed()) {
    const changed = changes.map(({ key }) => key);
    await append({ kind: 'documents-applied', author: 'outside', revision, changed, urgent: false, whileAway: true });
  }
}

function textsOf(documents: readonly ParsedDocument[]): ReadonlyMap<string, string> {
  return new Map(documents.map(({ key, text }) => [key, text]));
}
