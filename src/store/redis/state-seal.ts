// The seal of a state of the documents: an HMAC with a key that every control plane of a deployment has, and Redis does not.
import type { Redacted } from '../../lib/redacted.ts';
import { createSeal, deriveKey } from '../../lib/seal.ts';
import type { Json } from '../../lib/table.ts';
import { editedTexts, type Sealed, type StateSeal } from './stored-state.ts';

/** The secret that every control plane of a deployment has, and Redis does not. */
export function createStateSeal(secret: Redacted<string>): StateSeal {
  const present = createSeal(deriveKey(secret, 'cellwall store state'));
  const old = createSeal(secret);
  const sorted = (texts: ReadonlyMap<string, string>): Json => [...texts].sort(([a], [b]) => (a < b ? -1 : 1));
  const content = ({ epoch, revision, urgent, previous, texts }: Sealed): readonly Json[] => {
    return ['cellwall-state', epoch, revision, urgent, previous, sorted(texts)];
  };
  return {
    of: (state) => present.of(content(state)),
    names: createSeal(deriveKey(secret, 'cellwall waiting changes')),
    kindOf(state) {
      if (present.holds(state.seal, content(state))) return 'present';
      const { epoch, revision, urgent, texts, seal } = state;
      if (texts.size > 0) return undefined;
      return old.holds(seal, ['redis-state', epoch, revision, urgent, sorted(editedTexts(state))]) ? 'old' : undefined;
    },
  };
}
