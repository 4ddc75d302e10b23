// The CA of a cell's own control plane: its intermediate comes from the parent's CA, and its roots are the parent's, with what that says of
// which are on their way out.
import { retiringRoots } from '../identity/roots/roots-record.ts';
import type { AuthorityKind } from '../identity/upstream-authority.ts';
import { fromPem, toPem } from '../identity/x509/pem.ts';
import { createWatched } from '../lib/watchable.ts';
import type { ParentLink } from './parent-link.ts';

/** Has no options. The first time, it is created once the parent has said its roots. */
export function parentAuthority(link: Pick<ParentLink, 'roots' | 'rotation' | 'certify'>): AuthorityKind {
  return {
    options: {},
    async create() {
      const roots = createWatched(listOf(await heard(link)));
      const leaving = (): readonly string[] => {
        const told = link.rotation.value();
        return told === undefined ? [] : retiringRoots(told.record).flatMap(listOf);
      };
      const retiring = createWatched(leaving());
      const unwatch = [
        link.roots.watch((bundle) => {
          if (bundle !== undefined) roots.set(listOf(bundle));
        }),
        link.rotation.watch(() => {
          const now = leaving();
          if (now.join() !== retiring.value().join()) retiring.set(now);
        }),
      ];
      return {
        roots: () => roots,
        retiring: () => retiring,
        // How long it is good for is for the parent to say.
        mintIntermediate: async ({ csr }) => (await link.certify(csr)).chain,
        async close() {
          for (const end of unwatch) end();
        },
      };
    },
  };
}

function listOf(bundle: string): readonly string[] {
  return fromPem(bundle, 'CERTIFICATE').map((der) => toPem(der, 'CERTIFICATE'));
}

function heard({ roots }: Pick<ParentLink, 'roots'>): Promise<string> {
  const first = roots.value();
  if (first !== undefined) return Promise.resolve(first);
  return new Promise((resolve) => {
    const end = roots.watch((bundle) => {
      if (bundle === undefined) return;
      end();
      resolve(bundle);
    });
  });
}
