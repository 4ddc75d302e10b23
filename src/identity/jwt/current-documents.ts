// The documents for relying parties, kept up to date with the keys of all control planes. What there was last stays while the table
// cannot be read.
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { createWatched, type Watchable } from '../../lib/watchable.ts';
import type { JwtKeys } from './jwt-keys.ts';
import { type OidcDocuments, oidcDocuments } from './oidc-documents.ts';

export interface CurrentDocuments extends Watchable<OidcDocuments> {
  close(): void;
}

export interface CurrentDocumentsDeps {
  readonly issuer: string;
  readonly keys: Pick<JwtKeys, 'published'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A few reads of a small table a minute: much sooner than a new key signs. */
const lookMs = 10_000;

/** Rejects if the keys cannot be read at the start: an empty set would be believed. */
export async function createCurrentDocuments(deps: CurrentDocumentsDeps): Promise<CurrentDocuments> {
  const { issuer, keys, clock, log } = deps;
  const read = async (): Promise<OidcDocuments> => oidcDocuments(issuer, await keys.published());
  const documents = createWatched(await read());
  let cancel = (): void => {};
  let closed = false;
  const look = (): void => {
    if (closed) return;
    cancel = clock.after(lookMs, () => {
      read()
        .then((found) => {
          if (found.keys !== documents.value().keys) documents.set(found);
        })
        .catch((reason: unknown) =>
          log.debug({ reason: CellwallError.from(reason).message }, 'the keys of JWT-SVIDs cannot be read now'),
        )
        .finally(look);
    });
  };
  look();
  return {
    value: documents.value,
    watch: documents.watch,
    close() {
      closed = true;
      cancel();
    },
  };
}
