// Tests that a qualification runs tell it what they measured; elsewhere the figures go nowhere.
import { appendFileSync } from 'node:fs';

/** Whether this is a qualification (`npm run qualify`): the long form, with its own seeds; CI runs the short one. */
export const qualifying = process.env['CELLWALL_QUALIFY'] === '1';

/** Reports one figure; its unit belongs in the name (`failedCalls`, `medianMs`). */
export function figure(name: string, value: number | string | boolean): void {
  const file = process.env['CELLWALL_FIGURES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify([name, value])}\n`);
}
