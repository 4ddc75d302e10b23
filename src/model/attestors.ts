// Attestors that a Workload may name, each with the keys of what it proves: those that `match` and templates may use. The code of each is
// in identity/attestor/catalog.ts; types make sure that both lists agree.
export const attestors = {
  // For an identity that an operator chose: there is no value to match.
  'join-token': [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type AttestorName = keyof typeof attestors;

export const attestorNames = Object.keys(attestors).filter(isAttestorName);

/** Exactly as it is written in documents. */
export function isAttestorName(name: string): name is AttestorName {
  return Object.hasOwn(attestors, name);
}

/** The keys of what it proves. */
export function keysOf(name: AttestorName): readonly string[] {
  return attestors[name];
}
