// Certificates as the admin API lists them: issued, and not expired.
import { z } from 'zod';

const certificateSchema = z.object({
  purpose: z
    .enum(['ca-root', 'ca-intermediate', 'server', 'operator', 'svid-pushed', 'svid-fetched'])
    .describe(
      '`server`: for the xDS and identity ports. `svid-pushed`: sent to a proxy over SDS. `svid-fetched`: for a key ' +
        'that its holder created, for its proxy or as files.',
    ),
  serial: z.string().describe('Hexadecimal.'),
  spiffeId: z.string(),
  notBefore: z.number(),
  notAfter: z.number(),
  node: z.string().optional().describe('The proxy that uses it now.'),
  issuedAt: z.number().optional(),
  how: z
    .enum(['attested', 'node-key', 'renewed', 'stream', 'own'])
    .optional()
    .describe(
      '`attested`: its host presented new evidence. `node-key`: the host came back. `renewed`: for the holder of the one before. ' +
        '`stream`: for the proxy that it is sent to. `own`: for the control plane.',
    ),
  attestor: z.string().optional().describe('Whose evidence it goes back to.'),
  requester: z
    .string()
    .optional()
    .describe('The proxy that it was sent to, or the address from which it was asked for.'),
  nodeKey: z.string().optional().describe('The host that it is bound to.'),
  authority: z.string().optional().describe('Serial of the CA certificate that signed it.'),
  chain: z
    .array(z.string())
    .optional()
    .describe('Serials of the CA certificates from that one upward, without the root.'),
  root: z.string().optional().describe('Name of the root, as "cellwall ca" shows it; of a root, its own.'),
});

export const certificatesQuerySchema = z.strictObject({
  expiring: z
    .string()
    .max(16)
    .optional()
    .describe('Only those that end within this time, as in "24h", and have no successor: nobody renewed them.'),
  identity: z.string().max(2048).optional().describe('Only those of a service (name or cell/name) or a SPIFFE ID.'),
  ended: z.enum(['yes']).optional().describe('Also those that have ended, for a week.'),
});

export const certificatesSchema = z.object({ certificates: z.array(certificateSchema) });

export type CertificatesQuery = z.input<typeof certificatesQuerySchema>;
export type IssuedCertificate = z.output<typeof certificateSchema>;
export type CertificatesAnswer = z.output<typeof certificatesSchema>;
