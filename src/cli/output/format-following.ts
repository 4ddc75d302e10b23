// The lines of `cellwall status` about the control plane that this one follows, and about those that follow it. Pure.
import type { StatusAnswer } from '../../admin/wire.ts';
import { escapeLine } from '../../lib/escape.ts';
import { relativeTime } from './time.ts';

export function followingRows({ parent, followers = [] }: StatusAnswer, now: number): readonly [string, string][] {
  const rows: [string, string][] = [];
  if (parent !== undefined) {
    const { connected, since, heardAt, version, revision, inForce, replaced } = parent;
    const heard = heardAt === undefined ? 'not heard since the start' : `last heard ${relativeTime(heardAt, now)}`;
    const state = connected
      ? `connected since ${relativeTime(since, now)}`
      : `NOT CONNECTED since ${relativeTime(since, now)}, ${heard}`;
    const told = [
      ...(version === undefined ? [] : [`version ${version}`]),
      ...(revision === undefined
        ? []
        : [`its revision ${revision} ${revision === inForce ? 'in force here' : 'NOT IN FORCE here'}`]),
    ];
    rows.push(['parent', [`${escapeLine(parent.parent)}: ${state}`, ...told].join(', ')]);
    if (replaced.last !== undefined) {
      const { at, documents } = replaced.last;
      const names = documents.map(escapeLine).join(', ');
      rows.push([
        'replaced',
        `${replaced.count} changed here, by the parent's version; last ${relativeTime(at, now)}: ${names}`,
      ]);
    }
  }
  if (followers.length > 0) {
    const each = followers.map(({ cell, address, since, revision, takesPart }) => {
      const at = revision === undefined ? '' : `, revision ${revision}`;
      const old = takesPart === false ? ', of an EARLIER VERSION that takes part in no rotation of the root' : '';
      return `${escapeLine(cell)} (${escapeLine(address)}, since ${relativeTime(since, now)}${at}${old})`;
    });
    rows.push(['followers', each.join('; ')]);
  }
  return rows;
}
