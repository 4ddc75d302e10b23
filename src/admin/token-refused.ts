// What to tell somebody whose admin token the control plane does not accept.
import { CellwallError } from '../lib/errors.ts';
import type { Redacted } from '../lib/redacted.ts';
import { nameInToken } from './named-token.ts';

export interface TokenSource {
  readonly token: Redacted<string>;
  /** Where it was found. */
  readonly tokenFrom?: string | undefined;
}

export function tokenRefused(host: string, { token, tokenFrom }: TokenSource, cause?: unknown): CellwallError {
  const name = nameInToken(token.reveal());
  return new CellwallError('unauthenticated', `${host} does not take the token of ${tokenFrom ?? 'this client'}`, {
    hint:
      name === undefined
        ? 'the right one is in admin.token in the data directory of that control plane ("cellwall serve" prints ' +
          'where): give it with --admin-token-file, or the directory with --data'
        : `the token ${name} was revoked, has expired, or is of another control plane: an admin makes a new one ` +
          'with "cellwall admin-token create"',
    cause,
  });
}
