// Who was refused an SVID, at all replicas of the control plane, whichever of them is asked.
import { z } from 'zod';
import type { OtherReplicas } from './everywhere.ts';
import { type RefusedSvidRow, refusedSvidsSchema } from './wire-refused-svids.ts';

const rowsSchema: z.ZodType<RefusedSvidRow[]> = z.array(refusedSvidsSchema.shape.refused.element);

/** The latest first. */
export function createRefusedSvidsEverywhere(
  others: OtherReplicas | undefined,
  own: () => readonly RefusedSvidRow[],
): () => Promise<readonly RefusedSvidRow[]> {
  if (others === undefined) return async () => own();
  others.answer('refused-svids', () => JSON.parse(JSON.stringify(own())));
  return async () => {
    const rows = own().map((row) => ({ ...row, replica: others.id }));
    for (const [replica, told] of await others.ask('refused-svids', null)) {
      const { data = [] } = rowsSchema.safeParse(told);
      rows.push(...data.map((row) => ({ ...row, replica })));
    }
    return rows.sort((a, b) => b.lastAt - a.lastAt);
  };
}
