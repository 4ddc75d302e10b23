// Reports an edit that may not make services strict yet: a problem for each service, at the line that makes it strict. Pure.
import type { Problem } from '../model/problem.ts';
import { type CutOverReason, refuses } from './cut-over-reason.ts';
import type { KeptPermissive } from './keep-permissive.ts';

const hint =
  'revert the line, wait until the reasons are gone (it is tried again by itself), or make it so: cellwall apply ' +
  '--force -f FILE (--ignore-address instead of --force, for addresses that you know to be no callers)';
const maxTold = 5;

export type HeldReason = Pick<CutOverReason, 'service' | 'port' | 'kind' | 'who' | 'why' | 'lastSeen' | 'warning'>;

/** `reasons` is absent until the gate has answered. */
export function heldProblems(
  { services, keep, whole }: KeptPermissive,
  reasons: readonly HeldReason[] | undefined,
): readonly Problem[] {
  const waits = whole
    ? 'The whole edit waits with it: the rest alone could let in callers who are refused now, or would not fit together'
    : `Not in force until then: ${keep.join(', ')}`;
  return services.map(({ key, source }): Problem => {
    const own = reasons?.filter((reason) => reason.service === key && refuses(reason)) ?? [];
    const told = own.slice(0, maxTold).map(textOf);
    const more = own.length > maxTold ? [`and ${own.length - maxTold} more`] : [];
    const why =
      reasons === undefined
        ? 'the gate has not looked yet'
        : own.length === 0
          ? 'others of the same edit may not be'
          : [...told, ...more].join('; ');
    const message = `${key} is not made strict: ${why}. ${waits}`;
    return { severity: 'error', code: 'cut-over-held', message, hint, source };
  });
}

/** Only times that do not change: the answer to the same question must be the same text. */
function textOf({ service, port, kind, who, why, lastSeen }: HeldReason): string {
  const time = kind === 'record' && lastSeen !== undefined ? `: ${new Date(lastSeen).toISOString()}` : '';
  const place = port === undefined ? '' : `port ${port}: `;
  return `${place}${who === service ? '' : `${who}: `}${why}${time}`;
}
