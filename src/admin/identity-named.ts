// The identity that somebody named: a SPIFFE ID, or a service by its name.
import { CellwallError } from '../lib/errors.ts';
import { parseSpiffeId, type SpiffeId } from '../model/spiffe-id.ts';
import type { AdminDeps } from './deps.ts';

type Resolve = AdminDeps['resolveService'];

/** Throws `not_found` for a service that does not exist, `invalid_argument` for what is no SPIFFE ID. */
export function identityNamed(text: string, resolve: Resolve): SpiffeId {
  return text.startsWith('spiffe:') ? identityOf(text) : serviceIdentity(text, resolve);
}

/** Throws `not_found`. */
export function serviceIdentity(ref: string, resolve: Resolve): SpiffeId {
  const id = resolve(ref);
  if (id !== undefined) return id;
  throw new CellwallError('not_found', `no service ${JSON.stringify(ref)}`, {
    hint: '"cellwall get Service" lists them; a service in a cell is cell/name',
  });
}

/** Throws `invalid_argument`. */
export function identityOf(text: string): SpiffeId {
  const id = parseSpiffeId(text);
  if (id !== undefined) return id;
  throw new CellwallError('invalid_argument', `not a SPIFFE ID: ${JSON.stringify(text)}`, {
    hint: 'as in "spiffe://example.org/cell/cell-1/service/api"',
  });
}
