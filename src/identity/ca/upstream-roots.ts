// The roots of a remote CA: asked for at the start, and again every hour (or `everyMs`). The known ones stay while it does not answer.
import { X509Certificate } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { createWatched, type Watchable } from '../../lib/watchable.ts';
import { fromPem, toPem } from '../x509/pem.ts';

export interface UpstreamRoots {
  readonly roots: Watchable<readonly string[]>;
  close(): void;
}

const againMs = 3_600_000;

/** `ask` answers PEM that may hold intermediates, too. Rejects if there are none at the start. */
export async function watchUpstreamRoots(
  ask: () => Promise<string>,
  { clock, log, everyMs = againMs }: { readonly clock: Clock; readonly log: Log; readonly everyMs?: number },
): Promise<UpstreamRoots> {
  const roots = createWatched(rootsIn(await ask()));
  let cancel = (): void => {};
  const plan = (): void => {
    cancel = clock.after(everyMs, () => {
      ask()
        .then((pem) => {
          const found = rootsIn(pem);
          if (found.join('') !== roots.value().join('')) roots.set(found);
        })
        .catch((reason: unknown) => {
          log.warn(
            { reason: CellwallError.from(reason).message },
            'the roots of the CA cannot be asked for now: the known ones stay',
          );
        })
        .finally(plan);
    });
  };
  plan();
  return { roots, close: () => cancel() };
}

/** Those that signed themselves, each once. */
export function rootsIn(pem: string): readonly string[] {
  const all = fromPem(pem, 'CERTIFICATE').map((der) => new X509Certificate(der));
  const own = all.filter((one) => one.ca && one.checkIssued(one) && one.verify(one.publicKey));
  if (own.length > 0) return [...new Set(own.map(({ raw }) => toPem(raw, 'CERTIFICATE')))].sort();
  throw new CellwallError('failed_precondition', 'the CA names no root', {
    hint: 'give the file of its root with the option "roots"',
  });
}
