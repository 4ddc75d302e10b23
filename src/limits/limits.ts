// What may be in force without a second word: sizes in all, and how much one change may add or take away. `serve --limit NAME=VALUE`.
import { CellwallError } from '../lib/errors.ts';

export interface LimitKind {
  readonly description: string;
  readonly default: number;
}

const kind = (value: number, description: string): LimitKind => ({ description, default: value });

/** By name. Sizes count for what is in force after a change, and only if the change makes it larger. */
export const limitKinds = {
  documents: kind(10_000, 'documents in all'),
  'document-bytes': kind(8_388_608, 'the largest document, in bytes'),
  bytes: kind(33_554_432, 'all documents together, in bytes'),
  rules: kind(200_000, 'rules of all policies, counted at every port that they apply to'),
  'port-rules': kind(10_000, 'rules at one port'),
  endpoints: kind(50_000, 'static endpoints in all'),
  resources: kind(200_000, 'ports and dependencies in all: listeners and clusters of proxies'),
  'growth-factor': kind(2, 'by what factor one change may enlarge any of these; 0: by any'),
  'deleted-percent': kind(10, 'how much of the documents, or of the endpoints, one change may delete; 100: all'),
} as const satisfies Readonly<Record<string, LimitKind>>;

export type LimitName = keyof typeof limitKinds;
export type Limits = Readonly<Record<LimitName, number>>;

export const limitNames = Object.keys(limitKinds).filter(isLimitName);

function isLimitName(name: string): name is LimitName {
  return Object.hasOwn(limitKinds, name);
}

/** `given` in place of the defaults. Throws `invalid_argument` for a name that there is not, and for what is no number of that kind. */
export function limitsOf(given: Readonly<Record<string, string>> = {}): Limits {
  const numbers = new Map<LimitName, number>();
  for (const [name, text] of Object.entries(given)) {
    if (!isLimitName(name)) {
      throw new CellwallError('invalid_argument', `there is no limit "${name}"`, { hint: limitNames.join(', ') });
    }
    const pattern = name === 'growth-factor' ? /^\d{1,6}(\.\d{1,3})?$/ : /^\d{1,12}$/;
    const value = pattern.test(text) ? Number(text) : Number.NaN;
    const wrong =
      name === 'growth-factor'
        ? !(value === 0 || value > 1)
        : name === 'deleted-percent'
          ? !(value <= 100)
          : !(value > 0);
    if (wrong) {
      throw new CellwallError('invalid_argument', `the limit "${name}" cannot be "${text}"`, {
        hint: `a number, by default ${limitKinds[name].default}: ${limitKinds[name].description}`,
      });
    }
    numbers.set(name, value);
  }
  const of = (name: LimitName): number => numbers.get(name) ?? limitKinds[name].default;
  return {
    documents: of('documents'),
    'document-bytes': of('document-bytes'),
    bytes: of('bytes'),
    rules: of('rules'),
    'port-rules': of('port-rules'),
    endpoints: of('endpoints'),
    resources: of('resources'),
    'growth-factor': of('growth-factor'),
    'deleted-percent': of('deleted-percent'),
  };
}
