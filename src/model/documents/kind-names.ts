// Every kind of document, in reading order, with other names for it on the command line. Separate from the schemas (catalog.ts; types make
// sure that both lists agree), so that `--help` loads none.
const kinds = {
  Mesh: [],
  Cell: [],
  Service: [],
  AuthorizationPolicy: ['policy', 'policies'],
  Workload: [],
  TrustBundle: [],
  EnvoyResource: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type KindName = keyof typeof kinds;

export const kindNames = Object.keys(kinds).filter(isKindName);

/** Exactly as written in documents; `kindMeant` accepts more. */
export function isKindName(name: string): name is KindName {
  return Object.hasOwn(kinds, name);
}

/** The kind that a word stands for: its name, or its plural, in any case. */
export function kindMeant(word: string): KindName | undefined {
  const meant = word.toLowerCase();
  return kindNames.find((name) => {
    const words: readonly string[] = [name.toLowerCase(), `${name.toLowerCase()}s`, ...kinds[name]];
    return words.includes(meant);
  });
}
