// A foreign bundle as it is kept in the store, for restarts and replicas.
import type { Json } from '../../lib/table.ts';
import { parseTrustDomain, type TrustDomain } from '../../model/spiffe-id.ts';
import { type ForeignBundle, readForeignBundle } from './foreign-bundle.ts';

export interface KeptBundle {
  /** As it came. */
  readonly text: string;
  readonly bundle: ForeignBundle;
  /** When it was had; epoch milliseconds. */
  readonly at: number;
}

export function writeKept({ text, bundle: { trustDomain }, at }: KeptBundle): Json {
  return { trustDomain, text, at };
}

/** Undefined for whatever is no such entry. */
export function readKept(value: Json | undefined, expected?: TrustDomain): KeptBundle | undefined {
  const { trustDomain, text, at }: { readonly trustDomain?: unknown; readonly text?: unknown; readonly at?: unknown } =
    Object(value);
  if (typeof trustDomain !== 'string' || typeof text !== 'string' || typeof at !== 'number') return undefined;
  const parsed = parseTrustDomain(trustDomain);
  if (parsed === undefined || (expected !== undefined && parsed !== expected)) return undefined;
  try {
    return { text, bundle: readForeignBundle(text, parsed), at };
  } catch {
    return undefined;
  }
}
