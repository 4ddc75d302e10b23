// Assembles the CA of the trust domain: a backend, the signer that uses it, and the bundle of all roots.
import { join } from 'node:path';
import { fromCatalog } from '../lib/catalog.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import { checkNamedOptions, type NamedValues } from '../lib/named-options.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import { keepBundle } from './bundle-keeper.ts';
import { createCaFolder } from './ca/ca-folder.ts';
import { type CaStorage, under } from './ca/ca-storage.ts';
import { authorities } from './catalog.ts';
import { watchExtraRoots } from './extra-roots.ts';
import { ensureSecretFolder } from './secret-file.ts';
import { createLocalSigner, type LocalSigner } from './signer/local-signer.ts';
import type { TrustBundle } from './trust-bundle.ts';
import type { AuthorityKind, ReplaceableRoots, UpstreamAuthority } from './upstream-authority.ts';

/** Which CA, as given on the command line. */
export interface AuthorityChoice {
  /** A name in the catalog. Default: `built-in`. */
  readonly kind?: string;
  readonly options?: NamedValues;
  /** A PEM file of roots to trust in addition to the CA's own. */
  readonly extraRoots?: string;
}

export interface OpenAuthority {
  readonly signer: LocalSigner;
  readonly bundle: Watchable<TrustBundle>;
  /** Only those of the backend, without what was added. */
  readonly ownRoots: Watchable<readonly string[]>;
  /** The backend's: for the signer of another control plane. */
  readonly mintIntermediate: UpstreamAuthority['mintIntermediate'];
  /** Absent: its roots are not replaced here. */
  readonly replaceable?: ReplaceableRoots;
  close(): Promise<void>;
}

export interface OpenAuthorityDeps {
  /** Folder of the CA's files. */
  readonly dir: string;
  /** Where keys are kept. Default: files in that folder. */
  readonly storage?: CaStorage;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly log: Log;
  /** Lifetime of intermediates. Default: a year. */
  readonly intermediateLifetimeMs?: number;
}

/** `catalog`: for tests, in which a CA does within seconds what others do in years. */
export async function openAuthority(
  choice: AuthorityChoice,
  deps: OpenAuthorityDeps,
  catalog: Readonly<Record<string, () => Promise<AuthorityKind>>> = authorities,
): Promise<OpenAuthority> {
  const { kind: name = 'built-in', options = {}, extraRoots } = choice;
  const { dir, trustDomain, clock, log, intermediateLifetimeMs: lifetimeMs } = deps;
  const kind = await fromCatalog('CA', catalog, name)();
  checkNamedOptions(`the CA "${name}"`, '--ca-option', kind.options, options);
  ensureSecretFolder(dir);
  const storage = partOf(deps.storage ?? createCaFolder(dir), name);
  const upstream = await kind.create({ storage, trustDomain, options, clock, log });
  const opened: (() => void | Promise<void>)[] = [() => upstream.close()];
  const close = async (): Promise<void> => {
    for (const end of opened.splice(0).reverse()) await end();
  };
  try {
    const extra = extraRoots === undefined ? undefined : watchExtraRoots({ file: extraRoots, trustDomain, clock, log });
    if (extra !== undefined) opened.push(extra.close);
    const sources = [upstream.roots(), ...(extra === undefined ? [] : [extra.roots])];
    const retiring = upstream.retiring?.();
    const file = join(dir, 'trust-bundle.json');
    const keeper = keepBundle({ sources, retiring, shared: upstream.sequence, trustDomain, file, clock, log });
    opened.push(keeper.close);
    const signer = await createLocalSigner({
      ...{ upstream, storage, trustDomain, clock, log },
      ...defined({ lifetimeMs }),
    });
    opened.push(signer.close);
    const mintIntermediate: UpstreamAuthority['mintIntermediate'] = (request) => upstream.mintIntermediate(request);
    const own = { ownRoots: upstream.roots(), ...defined({ replaceable: upstream.replaceable }) };
    return { signer, bundle: keeper.bundle, ...own, mintIntermediate, close };
  } catch (reason) {
    await close();
    throw reason;
  }
}

/** What the built-in CA keeps is where it has always been; another backend, with its signer, has a part of its own. */
function partOf(storage: CaStorage, kind: string): CaStorage {
  return kind === 'built-in' ? storage : under(storage, kind);
}
