// The roots of the CA and the rotation of the root, as tables. Pure.
import type { CaAnswer } from '../../admin/wire-ca.ts';
import { escapeLine } from '../../lib/escape.ts';
import { formatFields, formatTable } from './table.ts';
import { isoTime, relativeTime } from './time.ts';

type Rotation = NonNullable<CaAnswer['rotation']>;

/** What a phase waits for, or does. */
const phases: Readonly<Record<Rotation['phase'], string>> = {
  prepare: 'a new root is made',
  publish: 'everybody is given the new root',
  activate: 'intermediates are certified under the new root',
  renew: 'every certificate is renewed under the new root',
  taint: "the old root's key is destroyed; waiting until nothing under it is in use",
  remove: 'the old root is removed from every bundle',
};

export function formatCa({ roots, intermediate, rotation, last, notReplaceable }: CaAnswer, now: number): string {
  const ends = (at: number): string => `${isoTime(at)} (${relativeTime(at, now)})`;
  const parts = [
    formatTable(
      ['ROOT', 'STATE', 'SINCE', 'ENDS'],
      roots.map(({ name, state, notBefore, notAfter }) => [name, state, isoTime(notBefore), ends(notAfter)]),
    ),
    formatFields([
      ['intermediate', `under ${intermediate.root}, ends ${ends(intermediate.notAfter)}`],
      ...(rotation === undefined ? rows(last, now) : []),
      ...(notReplaceable === undefined ? [] : [['rotation', `not here: ${notReplaceable}`] as const]),
    ]),
  ];
  if (rotation !== undefined) parts.push(formatRotation(rotation, now));
  return parts.join('\n');
}

export function formatRotation(rotation: Rotation, now: number, width?: number): string {
  const { phase, since, startedAt, by, reason, compromised, aborting, cut = [], trouble, held, holdUps } = rotation;
  const { atParent, cells = [] } = rotation;
  const how = [...(compromised ? ['compromised'] : []), ...(aborting ? ['back to the old root'] : [])];
  const fields = formatFields(
    [
      [
        atParent ? "parent's rotation" : 'root rotation',
        `${phase}, since ${relativeTime(since, now)}: ${phases[phase]}`,
      ],
      [
        'begun',
        `${relativeTime(startedAt, now)} by ${escapeLine(by)}${reason === undefined ? '' : `: ${escapeLine(reason)}`}`,
      ],
      ...(how.length === 0 ? [] : [['kind', how.join(', ')] as const]),
      ...(trouble === undefined ? [] : [['trouble', escapeLine(trouble)] as const]),
      ...(cut.length === 0 ? [] : [['left behind', cut.map(escapeLine).join(', ')] as const]),
      ...(cells.length === 0 ? [] : [['cells', cells.map(cellOf).join(', ')] as const]),
      [atParent ? 'held up here by' : 'held up by', held === 0 ? 'nobody' : String(held)],
    ],
    width,
  );
  if (holdUps.length === 0) return fields;
  const rows = holdUps.map(({ kind, who, why, since: from }) => [kind, who, relativeTime(from, now), why]);
  return `${fields}\n${formatTable(['HELD UP BY', 'WHO', 'SINCE', 'WHY'], rows, width)}`;
}

function cellOf({ cell, state, held }: NonNullable<Rotation['cells']>[number]): string {
  const how = { done: 'done', held: 'held up', silent: 'DOES NOT SAY', away: 'AWAY', unable: 'EARLIER VERSION' };
  return `${escapeLine(cell)} ${how[state]}${held === undefined || held === 0 ? '' : ` by ${held}`}`;
}

function rows(last: CaAnswer['last'], now: number): readonly (readonly [string, string])[] {
  if (last === undefined) return [];
  const cut = last.cut.length === 0 ? '' : `; left behind: ${last.cut.map(escapeLine).join(', ')}`;
  return [['last rotation', `${last.outcome} ${relativeTime(last.endedAt, now)}${cut}`]];
}
