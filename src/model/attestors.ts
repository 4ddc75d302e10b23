// Attestors that a Workload may name, each with the keys of what it proves: those that `match` may ask for and a template may take. The
// code of each stands in identity/attestor/catalog.ts; the types hold the two together.
export const attestors = {
  // Of an operator's choice of one identity, which is no value to match.
  'join-token': [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type AttestorName = keyof typeof attestors;

export const attestorNames = Object.keys(attestors).filter(isAttestorName);

export function isAttestorName(name: string): name is AttestorName {
  return Object.hasOwn(attestors, name);
}

/** The keys of what it proves. */
export function keysOf(name: AttestorName): readonly string[] {
  return attestors[name];
}
