// Tokens that applications expect of their callers: from the folder, to the proxies of the service in whose folder they are, if its
// document names them.
import type { MissingCredential } from '../admin/wire-credentials.ts';
import { type Credentials, openCredentialFolder } from '../identity/credential-folder.ts';
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import { createWatched, type Watchable } from '../lib/watchable.ts';
import type { MeshIr } from '../policy/ir.ts';
import { allPorts } from '../policy/ports.ts';

export interface OpenCredentialsDeps {
  /** Absent: there are none. */
  readonly folder: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

export interface OpenedCredentials extends Watchable<Credentials> {
  /** What documents name and the folder does not have for that service: whoever needs it is refused. */
  missing(mesh: MeshIr | undefined): readonly MissingCredential[];
}

/** Throws `invalid_argument` if there is no such folder. */
export function openCredentials({ folder, clock, log, lifecycle }: OpenCredentialsDeps): OpenedCredentials {
  const opened = folder === undefined ? undefined : openCredentialFolder({ folder, clock, log });
  const credentials: Watchable<Credentials> = opened ?? createWatched<Credentials>(new Map());
  lifecycle.defer('credentials', async () => opened?.stop());
  return {
    value: credentials.value,
    watch: credentials.watch,
    missing(mesh) {
      const services = new Map<string, Set<string>>();
      for (const { key, credential } of mesh === undefined ? [] : allPorts(mesh)) {
        const named =
          credential === undefined ? [] : [...credential.grants.map(({ secret }) => secret), ...credential.accepted];
        for (const secret of named) {
          if (!credentials.value().has(`${key}/${secret}`))
            services.set(secret, (services.get(secret) ?? new Set()).add(key));
        }
      }
      return [...services]
        .map(([secret, of]) => ({ secret, services: [...of].sort() }))
        .sort((a, b) => (a.secret < b.secret ? -1 : 1));
    },
  };
}
