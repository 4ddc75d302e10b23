// Certificates as the admin API lists them: issued, and not expired.
import { z } from 'zod';

const certificateSchema = z.object({
  purpose: z
    .enum(['ca-root', 'ca-intermediate', 'server', 'operator', 'svid-pushed', 'svid-fetched'])
    .describe(
      '`server`: for the xDS and identity ports. `svid-pushed`: sent to a proxy over SDS. `svid-fetched`: for a key ' +
        'that its holder created, for its xDS connection or as files.',
    ),
  serial: z.string().describe('Hexadecimal.'),
  spiffeId: z.string(),
  notBefore: z.number(),
  notAfter: z.number(),
  node: z.string().optional().describe('The proxy that uses it now.'),
});

export const certificatesSchema = z.object({ certificates: z.array(certificateSchema) });

export type IssuedCertificate = z.output<typeof certificateSchema>;
export type CertificatesAnswer = z.output<typeof certificatesSchema>;
