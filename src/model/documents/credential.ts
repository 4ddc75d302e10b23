// The token that an application expects from its callers in a header: which of them get it from their sidecar's peer, the callee.
import { z } from 'zod';
import { spiffeIdSchema, spiffePrefixSchema } from '../spiffe-id.ts';
import { serviceRefSchema } from './common.ts';
import { maxHeaderParts, needed } from './stripped-header.ts';

/** A file in the folder of the service, in that of `serve --credentials`. */
const secretNameSchema = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, {
    error:
      'not a name: lower-case letters, digits, "-" and ".", as the file in the folder of the service, in that of --credentials',
  });

const callerSchema = z.union([
  z.strictObject({ service: serviceRefSchema }),
  z.strictObject({ spiffeId: spiffeIdSchema }),
  z.strictObject({ prefix: spiffePrefixSchema.describe('Begins with a SPIFFE ID and ends in "/".') }),
  z.strictObject({ authenticated: z.literal(true).describe('Callers with any identity of the mesh.') }),
]);

export const credentialSchema = z.strictObject({
  header: z
    .string()
    .max(48)
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, { error: 'not a header: lower-case letters, digits and "-"' })
    .refine((name) => name.split('-').length <= maxHeaderParts, { error: `over ${maxHeaderParts} parts` })
    .refine((name) => !needed.test(name), { error: 'a header that requests need' }),
  scheme: z
    .string()
    .regex(/^[A-Za-z]{1,16}$/, { error: 'not a scheme: letters, as in Bearer' })
    .optional()
    .describe('Stands before the token, with a blank, as in "Bearer".'),
  grants: z
    .array(
      z.strictObject({
        secret: secretNameSchema.describe(
          'The file that holds it, in the folder of this service in that of `serve --credentials`.',
        ),
        from: z.array(callerSchema).min(1).max(100),
      }),
    )
    .max(100)
    .default([])
    .describe(
      'Who gets which token, whatever they sent in the header. By the most exact name: an identity, the longest prefix, any identity.',
    ),
  accept: z
    .array(secretNameSchema)
    .min(1)
    .max(4)
    .optional()
    .describe(
      'Others may send one of these themselves; a request with anything else in the header is refused. Default: the header is removed.',
    ),
});
