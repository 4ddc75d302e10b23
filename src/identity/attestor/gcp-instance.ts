// A virtual machine of Google Cloud, by the identity token of its metadata server (`format=full`).
// https://cloud.google.com/compute/docs/instances/verifying-instance-identity
import { z } from 'zod';
import { CellwallError } from '../../lib/errors.ts';
import { createIssuerKeys } from '../jwt/issuer-keys.ts';
import { verifyForeign } from '../jwt/verify-foreign.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';
import { tokenName, useOnce } from './one-use.ts';

const text = z.string().min(1).max(1024);
const claimsSchema = z.looseObject({
  exp: z.number(),
  email: text.optional(),
  email_verified: z.boolean().optional(),
  google: z.looseObject({
    compute_engine: z.looseObject({ project_id: text, zone: text, instance_id: text, instance_name: text }),
  }),
});

/** The evidence is `token`. A token belongs to the first node key that presents it. */
export function createGcpInstanceAttestor(deps: AttestorDeps): Attestor | undefined {
  const { clock, tokens } = deps;
  const own = deps.options['gcp-instance'];
  if (own === undefined) return undefined;
  const keys = createIssuerKeys(own.keys, deps);
  return {
    async attest({ token }, { nodeKey }) {
      const { issuer, audience } = own;
      const claims = claimsSchema.safeParse(await verifyForeign({ token, issuer, audience, keys, now: clock.now() }));
      if (!claims.success) {
        throw new CellwallError('unauthenticated', 'the token does not say which instance it is of', {
          hint: 'ask the metadata server for it with format=full',
        });
      }
      const { exp, email, email_verified: isVerified, google } = claims.data;
      const name = `gcp:${tokenName(token)}`;
      await useOnce(tokens, { name, nodeKey, ttlMs: exp * 1000 - clock.now() + 120_000 });
      const { project_id, zone, instance_id, instance_name } = google.compute_engine;
      return {
        attestor: 'gcp-instance',
        values: {
          ...{ project_id, zone, instance_id, instance_name },
          ...(email !== undefined && isVerified === true && { service_account: email }),
        },
      };
    },
  };
}
