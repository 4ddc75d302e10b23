// Who asked for an SVID and got none, as the admin API lists it.
import { z } from 'zod';

const refusedSvidSchema = z.object({
  by: z.enum(['attest', 'renew']).describe('`attest`: evidence was presented. `renew`: an SVID.'),
  address: z.string(),
  code: z.string(),
  reason: z.string(),
  why: z.array(z.string()).readonly().describe('Which selectors came closest, and what of each did not match.'),
  attestor: z.string().optional().describe('As the request named it.'),
  spiffeId: z.string().optional().describe('What it has or would have, as far as that is proved.'),
  nodeKey: z.string().optional(),
  count: z.int(),
  firstAt: z.number(),
  lastAt: z.number(),
  replica: z.string().optional().describe('The control plane that refused it; absent if there is only one.'),
});

export const refusedSvidsSchema = z.object({ refused: z.array(refusedSvidSchema) });

export type RefusedSvidRow = z.output<typeof refusedSvidSchema>;
export type RefusedSvidsAnswer = z.output<typeof refusedSvidsSchema>;
