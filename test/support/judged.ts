// Documents, judged: by the real check, or by one that finds nothing wrong and nothing in them.
import type { ParsedDocument } from '../../src/model/parsed-document.ts';
import { check } from '../../src/policy/resolve/check.ts';
import type { StateCheck } from '../../src/store/judges.ts';
import type { Judged, StoreState } from '../../src/store/store.ts';

export const acceptsAll: StateCheck = () => ({ problems: [] });

export function judged(documents: readonly ParsedDocument[]): Judged {
  return { documents, ...check(documents) };
}

export function stateOf(documents: readonly ParsedDocument[], revision = 1): StoreState {
  return { ...judged(documents), revision };
}
