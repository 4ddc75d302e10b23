// A pod of a Kubernetes cluster, by the projected token of its service account (a JWT that the cluster signs for an audience): verified by
// the cluster's keys here, or by its API server (TokenReview).
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { CellwallError } from '../../lib/errors.ts';
import { createIssuerKeys } from '../jwt/issuer-keys.ts';
import { skewS, verifyForeign } from '../jwt/verify-foreign.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';
import type { ClusterOptions } from './attestor-options.ts';
import { tokenName, useOnce } from './one-use.ts';
import { createTokenReview, type Reviewed } from './token-review.ts';

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
const endSchema = z.looseObject({ exp: z.number() });

interface Verified extends Reviewed {
  /** Of the token, epoch milliseconds. */
  readonly endsAt: number;
}

type Verify = (token: string) => Promise<Verified>;

/** The evidence is `token`. A token belongs to the first node key that presents it. */
export function createKubernetesAttestor(deps: AttestorDeps): Attestor | undefined {
  const { options, clock, tokens } = deps;
  const clusters = options.kubernetes?.clusters.map((of) => ({ of, verify: verifierOf(of, deps) }));
  if (clusters === undefined) return undefined;
  return {
    async attest({ token }, { nodeKey }) {
      const text = typeof token === 'string' && token.length <= 16_384 ? token : '';
      const issuer = claimsOf(text)?.iss;
      // Of several with one issuer, the audience or the key decides: each is tried.
      const asked = clusters.filter(({ of }) => of.issuer === issuer);
      let refusal = new CellwallError('unauthenticated', 'no cluster that is known here issued this token');
      let away: CellwallError | undefined;
      for (const { of, verify } of asked) {
        try {
          const { endsAt, namespace, serviceAccount, pod, node } = await verify(text);
          const name = `kubernetes:${tokenName(text)}`;
          await useOnce(tokens, { name, nodeKey, ttlMs: endsAt - clock.now() + 120_000 });
          const values = { cluster: of.name, namespace, service_account: serviceAccount };
          return {
            attestor: 'kubernetes',
            values: { ...values, ...(pod !== undefined && { pod }), ...(node !== undefined && { node }) },
          };
        } catch (reason) {
          const failed = CellwallError.from(reason);
          if (failed.code === 'unauthenticated') refusal = failed;
          else away ??= failed;
        }
      }
      // One that could not say may be the token's own.
      throw away ?? refusal;
    },
  };
}

function verifierOf(of: ClusterOptions, deps: AttestorDeps): Verify {
  const { issuer, audience } = of;
  if (of.review !== undefined) return reviewed(of.audience, createTokenReview(of.name, of.review, deps), deps);
  if (of.keys === undefined) throw new CellwallError('internal', 'a cluster has neither keys nor an API server');
  const keys = createIssuerKeys(of.keys, deps);
  return async (token) => {
    const claims = claimsSchema.safeParse(
      await verifyForeign({ token, issuer, audience, keys, now: deps.clock.now() }),
    );
    if (!claims.success) throw new CellwallError('unauthenticated', 'the token is not that of a service account');
    const { exp, 'kubernetes.io': about } = claims.data;
    return {
      ...{ endsAt: exp * 1000, namespace: about.namespace, serviceAccount: about.serviceaccount.name },
      ...(about.pod !== undefined && { pod: about.pod.name }),
      ...(about.node !== undefined && { node: about.node.name }),
    };
  };
}

/** What the token says of itself only spares a question: that it has ended, has no end, or is for somebody else. */
function reviewed(audience: string, { review }: ReturnType<typeof createTokenReview>, { clock }: AttestorDeps): Verify {
  return async (token) => {
    const claims = claimsOf(token);
    const end = endSchema.safeParse(claims);
    if (!end.success) throw new CellwallError('unauthenticated', 'the token has no end');
    const endsAt = end.data.exp * 1000;
    if (endsAt <= clock.now() - skewS * 1000) throw new CellwallError('unauthenticated', 'the token has expired');
    if (![claims?.aud].flat().includes(audience)) {
      throw new CellwallError('unauthenticated', 'the token is for another audience');
    }
    return { endsAt, ...(await review(token, audience)) };
  };
}

/** Unverified. */
function claimsOf(token: string): ReturnType<typeof decodeJwt> | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}
