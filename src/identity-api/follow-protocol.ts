// What a control plane sends to one that follows it: lines of JSON in one answer that does not end. First everything, then what changes;
// an empty line, once a second, says that it is there.

export interface FollowedDocument {
  readonly key: string;
  /** YAML. */
  readonly text: string;
}

export type FollowEvent =
  /** All documents in force: what is not among them is not. */
  | { readonly kind: 'whole'; readonly revision: number; readonly documents: readonly FollowedDocument[] }
  /** Since the last line about documents. */
  | {
      readonly kind: 'change';
      readonly revision: number;
      readonly put: readonly FollowedDocument[];
      readonly gone: readonly string[];
    }
  /** The roots of the trust domain, PEM. Before the first line about documents, and when they change. */
  | { readonly kind: 'roots'; readonly sequence: number; readonly bundle: string };

/** The answer to a request for an intermediate: PEM, without the root; and the roots, PEM. */
export interface IntermediateReply {
  readonly chain: string;
  readonly bundle: string;
}

export const beatMs = 1000;

/** Of the answer with the stream: the version of the parent's program. */
export const versionHeader = 'cellwall-version';

/** Throws for a line that is none. */
export function readFollowEvent(line: string): FollowEvent {
  const value: Readonly<Record<string, unknown>> = Object(JSON.parse(line));
  const { kind, revision, sequence, bundle } = value;
  if (kind === 'roots' && typeof sequence === 'number' && typeof bundle === 'string') return { kind, sequence, bundle };
  if (typeof revision !== 'number') throw new Error('a line without a revision');
  if (kind === 'whole') return { kind, revision, documents: list(value['documents']).map(readDocument) };
  if (kind === 'change') {
    return { kind, revision, put: list(value['put']).map(readDocument), gone: list(value['gone']).map(text) };
  }
  throw new Error('a line of an unknown kind');
}

function readDocument(value: unknown): FollowedDocument {
  const { key, text: yaml }: { readonly key?: unknown; readonly text?: unknown } = Object(value);
  return { key: text(key), text: text(yaml) };
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error('a line without its list');
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error('a line without its text');
}
