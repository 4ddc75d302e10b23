// The mesh with what its documents only point at: keys of issuers of tokens.
import type { KeysFromIr, MeshIr } from '../policy/ir.ts';

/** The same object where there is nothing to add. */
export function withFetchedKeys(mesh: MeshIr, keysOf: (from: KeysFromIr) => string | undefined): MeshIr {
  const found = [...mesh.jwtIssuers].map(([name, issuer]): [string, typeof issuer] => {
    const keys = issuer.keysFrom === undefined ? undefined : keysOf(issuer.keysFrom);
    return [name, keys === undefined || keys === issuer.jwks ? issuer : { ...issuer, jwks: keys }];
  });
  const same = found.every(([name, issuer]) => mesh.jwtIssuers.get(name) === issuer);
  return same ? mesh : { ...mesh, jwtIssuers: new Map(found) };
}
