// What the admin API answers about tokens that applications expect.
import { z } from 'zod';

export const missingCredentialSchema = z.object({
  secret: z
    .string()
    .describe(
      'The name in documents, and of the file that is not in the folder of these services, in that of --credentials.',
    ),
  services: z
    .array(z.string())
    .describe('Whose documents name it, and who do not have it. Callers that need it are refused.'),
});

export type MissingCredential = z.output<typeof missingCredentialSchema>;
