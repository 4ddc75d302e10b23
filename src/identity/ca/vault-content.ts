// What is in the CA's entry of the store, as text.
import { CellwallError } from '../../lib/errors.ts';
import type { CaMaterial } from './ca-files.ts';

/** By name, as `CaStorage` has them. */
export interface VaultContent {
  readonly cas: Readonly<Record<string, CaMaterial>>;
  readonly notes: Readonly<Record<string, string>>;
}

export const emptyVault: VaultContent = { cas: {}, notes: {} };

const format = 1;

export function formatVault({ cas, notes }: VaultContent): string {
  return JSON.stringify({ format, cas, notes });
}

/** Throws `failed_precondition`: it was written by a later version. `where` is for messages. */
export function parseVault(text: string, where: string): VaultContent {
  const content: unknown = JSON.parse(text);
  if (isObject(content) && content['format'] === format) {
    const { cas, notes } = content;
    if (isObject(cas) && isObject(notes) && every(cas, isMaterial) && every(notes, isText)) return { cas, notes };
  }
  throw new CellwallError('failed_precondition', `${where} is of another version of cellwall`, {
    hint: 'start the newer version here as well',
  });
}

function every<T>(
  record: Readonly<Record<string, unknown>>,
  is: (value: unknown) => value is T,
): record is Readonly<Record<string, T>> {
  return Object.values(record).every(is);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isMaterial(value: unknown): value is CaMaterial {
  return isObject(value) && isText(value['pem']) && isText(value['keyPem']);
}
