// Document keys as people type them: `service/cell-1/api` finds `Service/cell-1/api`.
import { InvalidArgumentError } from 'commander';

/** The kinds, known here too so that no schema is loaded for `--help`; a test holds them against the model's. */
export const documentKinds = ['Mesh', 'Cell', 'Service', 'AuthorizationPolicy', 'Workload', 'EnvoyResource'] as const;

const aliases: Readonly<Record<string, string>> = { policy: 'AuthorizationPolicy', policies: 'AuthorizationPolicy' };

export interface KeyPattern {
  readonly kind: string;
  /** `name` or `cell/name`; absent for all of the kind. */
  readonly name?: string;
}

export function parseKeyPattern(text: string): KeyPattern {
  const [written = '', ...rest] = text.split('/');
  const lower = written.toLowerCase();
  const kind =
    aliases[lower] ?? documentKinds.find((item) => [item.toLowerCase(), `${item.toLowerCase()}s`].includes(lower));
  if (kind === undefined) {
    throw new InvalidArgumentError(`no kind ${JSON.stringify(written)}; kinds: ${documentKinds.join(', ')}`);
  }
  if (rest.length === 0) return { kind };
  if (rest.length > 2 || rest.some((part) => part === '')) {
    throw new InvalidArgumentError(`not a key: ${JSON.stringify(text)}; keys are Kind/name or Kind/cell/name`);
  }
  return { kind, name: rest.join('/') };
}

/** A whole key. */
export function parseKey(text: string): string {
  const { kind, name } = parseKeyPattern(text);
  if (name === undefined) throw new InvalidArgumentError(`${kind}/NAME is needed, not a kind alone`);
  return `${kind}/${name}`;
}
