// Every kind of document, in the order in which people read of them, with other words for it on the command line. Apart from the schemas
// (catalog.ts, which the types hold to this list), so that `--help` loads none.
const kinds = {
  Mesh: [],
  Cell: [],
  Service: [],
  AuthorizationPolicy: ['policy', 'policies'],
  Workload: [],
  EnvoyResource: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type KindName = keyof typeof kinds;

export const kindNames = Object.keys(kinds).filter(isKindName);

export function isKindName(name: string): name is KindName {
  return Object.hasOwn(kinds, name);
}

/** The kind that somebody means: its name, or many of them, in any case of letters. */
export function kindMeant(word: string): KindName | undefined {
  const meant = word.toLowerCase();
  return kindNames.find((name) => {
    const words: readonly string[] = [name.toLowerCase(), `${name.toLowerCase()}s`, ...kinds[name]];
    return words.includes(meant);
  });
}
