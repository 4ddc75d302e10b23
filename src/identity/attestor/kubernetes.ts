// A pod of a Kubernetes cluster, by the projected token of its service account (a JWT that the cluster signs for an audience).
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { CellwallError } from '../../lib/errors.ts';
import { createIssuerKeys } from '../jwt/issuer-keys.ts';
import { verifyForeign } from '../jwt/verify-foreign.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';
import { tokenName, useOnce } from './one-use.ts';

const named = z.looseObject({ name: z.string().min(1).max(253) });
const claimsSchema = z.looseObject({
  exp: z.number(),
  'kubernetes.io': z.looseObject({
    namespace: z.string().min(1).max(253),
    serviceaccount: named,
    pod: named.optional(),
    node: named.optional(),
  }),
});

/** The evidence is `token`. A token belongs to the first node key that presents it. */
export function createKubernetesAttestor(deps: AttestorDeps): Attestor | undefined {
  const { options, clock, tokens } = deps;
  const clusters = options.kubernetes?.clusters.map((of) => ({ of, keys: createIssuerKeys(of.keys, deps) }));
  if (clusters === undefined) return undefined;
  return {
    async attest({ token }, { nodeKey }) {
      const issuer = issuerOf(token);
      // Of several with one issuer, the audience or the key decides: each is tried.
      const asked = clusters.filter(({ of }) => of.issuer === issuer);
      let refusal = new CellwallError('unauthenticated', 'no cluster that is known here issued this token');
      for (const { of, keys } of asked) {
        try {
          const claims = claimsSchema.safeParse(
            await verifyForeign({ token, issuer: of.issuer, audience: of.audience, keys, now: clock.now() }),
          );
          if (!claims.success) throw new CellwallError('unauthenticated', 'the token is not that of a service account');
          const { exp, 'kubernetes.io': about } = claims.data;
          const name = `kubernetes:${tokenName(token)}`;
          await useOnce(tokens, { name, nodeKey, ttlMs: exp * 1000 - clock.now() + 120_000 });
          return {
            attestor: 'kubernetes',
            values: {
              cluster: of.name,
              namespace: about.namespace,
              service_account: about.serviceaccount.name,
              ...(about.pod !== undefined && { pod: about.pod.name }),
              ...(about.node !== undefined && { node: about.node.name }),
            },
          };
        } catch (reason) {
          refusal = CellwallError.from(reason);
          if (refusal.code !== 'unauthenticated') throw refusal;
        }
      }
      throw refusal;
    },
  };
}

/** Only to find whose keys to ask. */
function issuerOf(token: unknown): string | undefined {
  if (typeof token !== 'string' || token.length > 16_384) return undefined;
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}
