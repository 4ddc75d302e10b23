// A store's content as a file: one JSON object a line, what it is first, then documents, entries and records of the audit log, and at the
// end the digest of all that, sealed with the key of the data folder that it came from. Pure.
import { createHash } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import type { Seal } from '../../lib/seal.ts';
import type { Json } from '../../lib/table.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { StoredEntry } from '../store.ts';
import type { StoreContent } from './content.ts';

export interface ContentFile {
  readonly content: StoreContent;
  /** Whether replicas could share the store that it came from: then tables name their control plane. */
  readonly shared: boolean;
  /** Lines of the audit log, as they were. */
  readonly audit: readonly string[];
}

const format = 'cellwall-store';
const version = 1;

export function formatContent({ content, shared, audit }: ContentFile, seal: Seal, at: Date): string {
  const { revision, documents, entries } = content;
  const counts = { documents: documents.length, entries: entries.length, audit: audit.length };
  const lines: readonly Json[] = [
    { format, version, at: at.toISOString(), revision, shared, ...counts },
    ...documents.map(({ key, text }) => ({ document: key, text })),
    ...entries.map((entry) => ({ ...entry })),
    ...audit.map((record) => ({ audit: record })),
  ];
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const sha256 = digest(body);
  return `${body}${JSON.stringify({ sha256, seal: seal.of(sealed(sha256)) })}\n`;
}

/** Throws `invalid_argument` unless it is complete, unchanged, and sealed with the same key. */
export function parseContent(text: string, seal: Seal, file: string): ContentFile {
  const wrong = (why: string, hint?: string): CellwallError =>
    new CellwallError('invalid_argument', `${file}: ${why}`, hint === undefined ? {} : { hint });
  const end = text.lastIndexOf('\n', text.length - 2) + 1;
  const [body, last] = [text.slice(0, end), record(text.slice(end))];
  const sha256 = digest(body);
  if (last === undefined || last['sha256'] !== sha256) {
    throw wrong('not what `cellwall store export` wrote: it is incomplete, or was changed');
  }
  if (!seal.holds(last['seal'], sealed(sha256))) {
    throw wrong(
      'it was exported with another seal.key than this data folder has',
      'put ca/ and seal.key of that data folder in place of these; documents alone can be taken over with `cellwall apply`',
    );
  }
  const [head, ...lines] = body.split('\n').slice(0, -1).map(record);
  if (head?.['format'] !== format || head['version'] !== version) throw wrong('of another version of this format');
  const documents: { key: DocumentKey; text: string }[] = [];
  const entries: StoredEntry[] = [];
  const audit: string[] = [];
  for (const line of lines) {
    const { document, text: yaml, table, key, value, until, audit: kept } = line ?? {};
    // What is sealed is what we wrote: a key as it was.
    if (typeof document === 'string' && typeof yaml === 'string')
      documents.push({ key: document as DocumentKey, text: yaml });
    else if (typeof kept === 'string') audit.push(kept);
    else if (typeof table === 'string' && typeof key === 'string' && value !== undefined) {
      entries.push({ table, key, value, ...(typeof until === 'number' ? { until } : {}) });
    } else throw wrong('of another version of this format');
  }
  return {
    content: { revision: Number(head['revision']), documents, entries },
    shared: head['shared'] === true,
    audit,
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function sealed(sha256: string): readonly Json[] {
  return ['store-export', sha256];
}

function record(line: string): { readonly [name: string]: Json } | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** JSON.parse made it. */
function isRecord(value: unknown): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
