// What a control plane sends to one that follows it: lines of JSON in one answer that does not end. First everything, then what changes;
// an empty line, once a second, says that it is there.

import { readToldRoots, type ToldRoots, writeToldRoots } from '../identity/roots/told-roots.ts';
import type { Json } from '../lib/table.ts';

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
  | { readonly kind: 'roots'; readonly sequence: number; readonly bundle: string }
  /**
   * Who is banned, and who no longer is: entries of the parent's table. Before the first line about documents all of them, then those that
   * change; only to those who say that they take them.
   */
  | { readonly kind: 'bans'; readonly bans: ReadonlyMap<string, Json> }
  /** The state of each root, and their rotation: after the roots, when it changes; only to those who say that they take part. */
  | ({ readonly kind: 'rotation' } & ToldRoots);

/** The answer to a request for an intermediate: PEM, without the root; and the roots, PEM. */
export interface IntermediateReply {
  readonly chain: string;
  readonly bundle: string;
  /** Of that bundle. Absent: from an earlier version. */
  readonly sequence?: number;
}

export const beatMs = 1000;

/** Of the answer with the stream: the version of the parent's program. */
export const versionHeader = 'cellwall-version';

/** Of the request for the stream: what the follower takes beside documents and roots. */
export const takesHeader = 'cellwall-takes';

/** Likewise, with `1`: it takes part in rotations of the root. It is told how far one is, and reports who would be cut off there. */
export const takesPartHeader = 'cellwall-rotates';

/** The line for an event. */
export function writeFollowEvent(event: FollowEvent): string {
  return `${JSON.stringify(plain(event))}\n`;
}

function plain(event: FollowEvent): object {
  if (event.kind === 'bans') return { ...event, bans: Object.fromEntries(event.bans) };
  return event.kind === 'rotation' ? { kind: event.kind, ...writeToldRoots(event) } : event;
}

/** Throws for a line that is none. */
export function readFollowEvent(line: string): FollowEvent {
  const value: Readonly<Record<string, unknown>> = Object(JSON.parse(line));
  const { kind, revision, sequence, bundle, bans } = value;
  if (kind === 'roots' && typeof sequence === 'number' && typeof bundle === 'string') return { kind, sequence, bundle };
  if (kind === 'rotation') return { kind, ...readToldRoots(value) };
  if (kind === 'bans') return { kind, bans: new Map(Object.entries(record(bans))) };
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

function record(value: unknown): Readonly<Record<string, Json>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error('a line without its entries');
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error('a line without its list');
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error('a line without its text');
}
