// JWT-SVIDs on record, as the admin API lists them.
import { z } from 'zod';

const jwtSvidSchema = z.object({
  serial: z.string().describe('Its claim `jti`.'),
  key: z.string().describe('`kid` of the key that signed it.'),
  spiffeId: z.string(),
  audience: z.array(z.string()).describe('Long ones are cut off.'),
  issuedAt: z.number(),
  expiresAt: z.number(),
  nodeKey: z.string().optional().describe('The host that asked for it.'),
  requester: z.string().optional().describe('The address from which it was asked for.'),
});

export const jwtSvidsQuerySchema = z.strictObject({
  identity: z.string().max(2048).optional().describe('Only those of a service (name or cell/name) or a SPIFFE ID.'),
  ended: z.enum(['yes']).optional().describe('Also those that have ended, for a day.'),
});

export const jwtSvidsSchema = z.object({ jwtSvids: z.array(jwtSvidSchema) });

export type JwtSvidsQuery = z.input<typeof jwtSvidsQuerySchema>;
export type JwtSvidsAnswer = z.output<typeof jwtSvidsSchema>;
