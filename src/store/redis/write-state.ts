// One state of the documents, written to Redis in one go, and only if Redis still stands where it was last seen.
import { CellwallError } from '../../lib/errors.ts';
import type { Seal } from '../../lib/seal.ts';
import type { Edit } from '../plan-changes.ts';
import type { StoreState } from '../store.ts';
import type { RedisLink } from './link.ts';
import { applyScript } from './scripts.ts';
import { type StoredState, sealedContent, textsOf } from './stored-state.ts';

export interface WriteState {
  readonly link: RedisLink;
  readonly prefix: string;
  readonly seal: Seal;
  /** What was last seen there; undefined: nothing. */
  readonly stored: StoredState | undefined;
  readonly epoch: string;
  readonly next: StoreState;
  /** What of it is new. */
  readonly edits: readonly Edit[];
  /** All of it, in the place of whatever stands there. */
  readonly rewrite: boolean;
  readonly author: string;
  readonly at: Date;
  readonly urgent: boolean;
}

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
  return [`${prefix}:epoch`, `${prefix}:meta`, `${prefix}:documents`];
}

export function channelOf(prefix: string): string {
  return `${prefix}:changes`;
}

/** What stands there then; undefined if somebody else was there first: then nothing was written. */
export async function writeState(given: WriteState): Promise<StoredState | undefined> {
  const { link, prefix, seal, stored, epoch, next, edits, rewrite, author, at, urgent } = given;
  const texts = textsOf(next.documents);
  const puts = rewrite ? [...texts] : edits.flatMap(({ key, document }) => (document ? [[key, document.text]] : []));
  const deletes = rewrite ? [] : edits.filter(({ document }) => document === undefined).map(({ key }) => key);
  const content = { epoch, revision: next.revision, urgent, texts };
  const sealText = seal.of(sealedContent(content));
  const flag = (value: boolean): string => (value ? '1' : '0');
  const reply = await link.script(applyScript, keysOf(prefix), [
    ...[stored?.epoch ?? '', stored?.writtenRevision ?? '0', epoch, String(next.revision), sealText],
    ...[author, at.toISOString(), flag(urgent), flag(rewrite), channelOf(prefix)],
    ...[String(puts.length), ...puts.flat(), ...deletes],
  ]);
  if (!Array.isArray(reply) || reply[0] !== 'applied') return undefined;
  return { ...content, writtenRevision: String(next.revision), seal: sealText };
}
