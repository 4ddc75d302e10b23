// CA backends: the extension point, and intermediates and roots that change under load.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const authorityItems: readonly Item[] = [
  fromTests({
    name: 'authority',
    line:
      'A throw-away CA backend is added, with a root that knows nothing of SPIFFE; what a backend returns is ' +
      'verified; folders of earlier versions still work',
    bound:
      'two lines outside its file at most; the contract holds; a control plane runs on it; no bad answer is used ' +
      'for signing',
    files: [
      'test/seams/authority/authority.test.ts',
      'test/identity/authorities.test.ts',
      'test/identity/local-signer.test.ts',
      'test/identity/open-authority.test.ts',
      'test/identity/bundle-keeper.test.ts',
      'test/identity/extra-roots.test.ts',
      'test/identity-api/next-bundle.test.ts',
      'test/sidecar/roots.test.ts',
    ],
    limitMinutes: 6,
  }),
  fromTests({
    name: 'changing-roots',
    line:
      'Under load on real Envoys: intermediates are replaced automatically and on demand; one root becomes two, ' +
      'then only the other one',
    bound:
      'every consumer of the roots has them within 1 s, both times; 0 failed calls in HTTP/1.1, HTTP/2, gRPC and TCP',
    files: ['test/seams/authority/changing-roots.test.ts'],
    limitMinutes: 8,
  }),
];
