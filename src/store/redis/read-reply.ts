// What the read script answers.
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { tooLarge } from './redis-error.ts';
import type { StoredState, Written } from './stored-state.ts';

/** For the read script: the accepted state that need not be sent again. */
export function heldOf({ epoch, writtenRevision, seal }: StoredState): string {
  return `${epoch}/${writtenRevision}/${seal}`;
}

/** The read script's answer; undefined for `same`. `held`: what was asked for with `heldOf`. Throws if it is too large to be ours. */
export function parseStored(reply: unknown, held: StoredState | undefined): StoredState | undefined {
  const [
    kind,
    fingerprint,
    epoch,
    revision,
    seal,
    urgent,
    previous,
    accepted,
    edited,
    removed,
    ...how
  ]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  if (kind === 'too-large') {
    throw new CellwallError('unavailable', tooLarge, {
      hint: 'somebody else writes there: remove it; what is in force stays',
    });
  }
  if (kind !== 'state') return undefined;
  const count = Number(revision);
  const gone = Array.isArray(removed) ? removed.map((key): [string, undefined] => [String(key), undefined]) : [];
  return {
    fingerprint: String(fingerprint),
    epoch: String(epoch),
    revision: Number.isSafeInteger(count) && count >= 0 ? count : 0,
    writtenRevision: String(revision),
    seal: String(seal),
    previous: String(previous),
    urgent: urgent === '1',
    texts: Array.isArray(accepted) ? new Map(pairs(accepted)) : (held?.texts ?? new Map()),
    edits: new Map([...pairs(edited), ...gone]),
    ...defined({ written: readWritten(String(revision), how.map(String)) }),
  };
}

/** Of another revision: an earlier version of ours wrote this one, and told nothing. */
function readWritten(revision: string, [text = '', now = '']: readonly string[]): Written | undefined {
  const [of, at, trace] = text.split(' ');
  const agoMs = at === '' || now === '' ? undefined : (Number(now) - Number(at)) / 1000;
  if (of !== revision || (agoMs !== undefined && !Number.isFinite(agoMs))) return undefined;
  return {
    ...(agoMs !== undefined && { agoMs: Math.max(0, agoMs) }),
    ...(trace !== undefined && trace !== '' && { trace }),
  };
}

function pairs(flat: unknown): readonly (readonly [string, string])[] {
  const list: readonly unknown[] = Array.isArray(flat) ? flat : [];
  return Array.from({ length: list.length >> 1 }, (_, at) => [String(list[2 * at]), String(list[2 * at + 1])] as const);
}
