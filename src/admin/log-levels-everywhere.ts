// What a proxy logs, whichever replica is asked: its helper listens at one of them.

import { CellwallError } from '../lib/errors.ts';
import { isErrorCode } from '../lib/http-status.ts';
import type { Json } from '../lib/table.ts';
import type { OtherReplicas } from './everywhere.ts';
import type { EnvoyLogLevel } from './wire-envoy.ts';

export interface WantedLogLevels {
  readonly node: string;
  /** By logger, or `*`; none: back to what was before, now. */
  readonly levels: Readonly<Record<string, EnvoyLogLevel>>;
  readonly forMs: number;
}

/** Resolves with how many of its loggers have another level now; undefined where its helper does not listen. Throws why it has none. */
export type SetLogLevels = (wanted: WantedLogLevels) => Promise<number | undefined>;

/** The helper has its own time to answer in. */
const patienceMs = 15_000;

export function createLogLevelsEverywhere(
  others: OtherReplicas | undefined,
  own: SetLogLevels,
): (wanted: WantedLogLevels) => Promise<number> {
  const nowhere = ({ node }: WantedLogLevels): CellwallError =>
    new CellwallError('unavailable', `no helper of ${node} listens`, {
      hint: 'it may be starting, or away: "cellwall status"; try again in a moment',
    });
  others?.answer('log-levels', async (question) => {
    try {
      // Made by a replica of this program, and sealed.
      const loggers = await own(Object(question));
      return loggers === undefined ? [] : [{ loggers }];
    } catch (reason) {
      const { code, message } = CellwallError.from(reason);
      return [{ code, message }];
    }
  });
  return async (wanted) => {
    const here = await own(wanted);
    if (here !== undefined) return here;
    if (others === undefined) throw nowhere(wanted);
    const question: Json = { node: wanted.node, levels: { ...wanted.levels }, forMs: wanted.forMs };
    for (const [answer] of (await others.ask('log-levels', question, patienceMs)).values()) {
      const { loggers, code, message }: { readonly [name: string]: unknown } = { ...Object(answer) };
      if (typeof loggers === 'number') return loggers;
      if (isErrorCode(code) && typeof message === 'string') throw new CellwallError(code, message);
    }
    throw nowhere(wanted);
  };
}
