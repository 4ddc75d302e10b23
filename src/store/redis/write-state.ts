// One state of the documents, written to Redis in one go, and only if Redis still stands where it was last seen. Documents that somebody
// has edited there stay as they are, unless the very same ones are changed.
import { CellwallError } from '../../lib/errors.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { Edit } from '../plan-changes.ts';
import type { RevisionChange } from '../revision.ts';
import type { StoreState } from '../store.ts';
import type { RedisLink } from './link.ts';
import { applyScript, restoreScript } from './scripts.ts';
import { type StateSeal, type StoredState, textsOf } from './stored-state.ts';

export interface WriteState {
  readonly link: Pick<RedisLink, 'script'>;
  readonly prefix: string;
  readonly seal: StateSeal;
  /** What was last seen there; undefined: nothing. */
  readonly stored: StoredState | undefined;
  readonly epoch: string;
  readonly next: StoreState;
  /** What of it is new. */
  readonly edits: readonly Edit[];
  /** Of what is written anew, whatever stands in its place: nothing, what is in force, or the documents as well. */
  readonly rewrite: Rewrite;
  /** Keys of documents that stand there already, as somebody wrote them: only what is in force is written. */
  readonly direct: ReadonlySet<DocumentKey>;
  readonly author: string;
  /** The `traceparent` of what it is a part of. */
  readonly trace?: string;
  readonly at: Date;
  readonly urgent: boolean;
}

export type Rewrite = 'nothing' | 'accepted' | 'all';

/** As a directory has them. */
export const maxDocuments = 10_000;
export const maxBytes = 64 * 1024 * 1024;

/** What would not be read again is not written. */
export function refuseTooLarge({ documents }: StoreState): void {
  const bytes = documents.reduce((sum, { key, text }) => sum + Buffer.byteLength(key) + Buffer.byteLength(text), 0);
  if (documents.length <= maxDocuments && bytes <= maxBytes) return;
  throw new CellwallError(
    'resource_exhausted',
    `${documents.length} documents of ${bytes} bytes are too many for Redis`,
    {
      hint: `it takes ${maxDocuments} documents of ${maxBytes} bytes together`,
    },
  );
}

export function keysOf(prefix: string): readonly string[] {
  return [`${prefix}:epoch`, `${prefix}:meta`, `${prefix}:documents`, `${prefix}:accepted`];
}

export function channelOf(prefix: string): string {
  return `${prefix}:changes`;
}

/**
 * What stands there then, and which edits of others were written over; undefined if somebody else was there first: then nothing was
 * written.
 */
export async function writeState(
  given: WriteState,
): Promise<{ readonly stored: StoredState; readonly over: readonly string[] } | undefined> {
  const { link, prefix, seal, stored, epoch, next, edits, rewrite, direct, author, at, urgent } = given;
  const texts = textsOf(next.documents);
  const flag = (value: boolean): string => (value ? '1' : '0');
  const changed = new Set<string>(edits.map(({ key }) => key));
  const also = (key: string): string => {
    if (direct.has(key as DocumentKey)) return '0';
    return flag(rewrite !== 'accepted' || changed.has(key));
  };
  const puts =
    rewrite === 'nothing'
      ? edits.flatMap(({ key, document }) => (document === undefined ? [] : [[key, document.text]]))
      : [...texts];
  const deletes = edits.filter(({ document }) => document === undefined).map(({ key }) => key);
  const previous = stored?.seal ?? '';
  const content = { epoch, revision: next.revision, urgent, previous, texts };
  const sealText = seal.of(content);
  const reply = await link.script(applyScript, keysOf(prefix), [
    ...[stored?.epoch ?? '', stored?.writtenRevision ?? '0', epoch, String(next.revision), sealText],
    ...[author, at.toISOString(), flag(urgent), previous, channelOf(prefix), rewrite, given.trace ?? ''],
    ...[String(puts.length), ...puts.flatMap(([key = '', text = '']) => [key, text, also(key)])],
    ...deletes.flatMap((key) => [key, also(key)]),
  ]);
  const [kind, over]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  if (kind !== 'applied') return undefined;
  // What is in force has changed under the edits: the next look tells how they stand to it.
  const after = { ...content, writtenRevision: String(next.revision), seal: sealText, fingerprint: '' };
  return {
    stored: { ...after, edits: rewrite === 'all' ? new Map() : (stored?.edits ?? new Map()) },
    over: Array.isArray(over) ? over.map(String) : [],
  };
}

/** Throws `aborted` if one of the edits is not there any more as it was. */
export async function restoreDocuments(
  { link, prefix }: Pick<WriteState, 'link' | 'prefix'>,
  edits: readonly RevisionChange[],
): Promise<void> {
  const reply = await link.script(restoreScript, keysOf(prefix), [
    channelOf(prefix),
    ...edits.flatMap(({ key, before, after }) => [
      ...[key, after === undefined ? '0' : '1', after ?? ''],
      ...[before === undefined ? '0' : '1', before ?? ''],
    ]),
  ]);
  const [kind, changed]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  if (kind === 'restored') return;
  throw new CellwallError('aborted', `edited again in the meantime: ${String(changed)}`, {
    hint: '"cellwall waiting" shows what waits now',
  });
}
