// The token that a rule asks for: of which issuer, for whom, and what it says.
import { z } from 'zod';
import { nameSchema } from './common.ts';

const textSchema = z.union([z.string().max(256), z.int(), z.boolean()]);
const valueSchema = z.union([textSchema, z.array(textSchema).min(1).max(64)]);
const claimNameSchema = z.string().min(1).max(128);

/** Claims, and objects in them: two levels deep, as in `gitlab.job.project_id`. */
const claimsSchema = z.record(
  claimNameSchema,
  z.union([valueSchema, z.record(claimNameSchema, z.union([valueSchema, z.record(claimNameSchema, valueSchema)]))]),
);

export const tokenSchema = z.strictObject({
  issuer: nameSchema.describe("The name of one of the Mesh's jwtIssuers."),
  audience: z.string().min(1).max(256).describe('One of the audiences in the token.'),
  claims: claimsSchema
    .default({})
    .describe(
      'Claims that the token must have: this value, or any of a list of values. Of a claim that is a list, one of its items; of an ' +
        'object, what is in it.',
    ),
});

export type TokenSource = z.output<typeof tokenSchema>;
