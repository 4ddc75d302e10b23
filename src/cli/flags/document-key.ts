// Document keys as people type them: `service/cell-1/api` finds `Service/cell-1/api`.
import { InvalidArgumentError } from 'commander';
import { type KindName, kindMeant, kindNames } from '../../model/documents/kind-names.ts';

export interface KeyPattern {
  readonly kind: KindName;
  /** `name` or `cell/name`; absent for all of the kind. */
  readonly name?: string;
}

/** Kinds also by their other names, in any case. Throws commander's InvalidArgumentError. */
export function parseKeyPattern(text: string): KeyPattern {
  const [written = '', ...rest] = text.split('/');
  const kind = kindMeant(written);
  if (kind === undefined) {
    throw new InvalidArgumentError(`no kind ${JSON.stringify(written)}; kinds: ${kindNames.join(', ')}`);
  }
  if (rest.length === 0) return { kind };
  if (rest.length > 2 || rest.some((part) => part === '')) {
    throw new InvalidArgumentError(`not a key: ${JSON.stringify(text)}; keys are Kind/name or Kind/cell/name`);
  }
  return { kind, name: rest.join('/') };
}

/** A complete key. */
export function parseKey(text: string): string {
  const { kind, name } = parseKeyPattern(text);
  if (name === undefined) throw new InvalidArgumentError(`${kind}/NAME is needed, not a kind alone`);
  return `${kind}/${name}`;
}
