// A client's side of the protocol, as small as the rules allow: what it wants, what it has, and what it may be sent. Knows
// nothing of the server's state. Its checks fail if a response is unwanted, stale or without a reason.
import assert from 'node:assert/strict';
import type { Kind, Told } from './story.ts';
import type { Contents } from './xds-fixture.ts';

export const types = ['cluster', 'endpoint', 'listener', 'route'] as const satisfies readonly Kind[];
export type Type = (typeof types)[number];
export const full: ReadonlySet<Kind> = new Set(['cluster', 'listener']);
const dependents: Readonly<Partial<Record<Kind, Type>>> = { cluster: 'endpoint', listener: 'route' };

export interface Side {
  readonly type: Type;
  wanted: Set<string>;
  /** Wants all without having said so. */
  legacy: boolean;
  /** What it accepted. */
  view: Map<string, string>;
  /** What it was last sent on this stream, accepted or not; undefined: told that there is none. */
  sent: Map<string, string | undefined>;
  /** Must be answered, changed or not. */
  asked: Set<string>;
  /** Named by a changed referrer: must be sent once more. */
  warmed: Set<string>;
  refused: Map<string, string>;
  /** Neither ACKed nor NACKed yet. */
  pending: Told[];
  /** Its last answer was a NACK. Of a full set, it may keep what that set left out. */
  rejected: boolean;
}

export type Sides = Map<Kind, Side>;

export function openSide(type: Type): Side {
  return {
    type,
    wanted: new Set(),
    legacy: false,
    view: new Map(),
    sent: new Map(),
    asked: new Set(),
    warmed: new Set(),
    refused: new Map(),
    pending: [],
    rejected: false,
  };
}

const wants = ({ wanted }: Side, name: string): boolean => wanted.has('*') || wanted.has(name);

/** The client no longer wants these; it forgets them. */
export function drop(side: Side, names: readonly string[]): void {
  for (const name of names) {
    if (!side.wanted.delete(name)) continue;
    if (name === '*') {
      side.legacy = false;
      for (const other of side.wanted) side.asked.add(other);
    } else if (side.wanted.has('*')) side.asked.add(name);
  }
  for (const known of [side.view, side.sent, side.asked, side.refused]) {
    for (const name of known.keys()) if (!wants(side, name)) known.delete(name);
  }
}

/** Checks what was sent against the snapshot, and notes it. `replaces`: what a full set leaves out is gone. */
export function receive(sides: Sides, told: readonly Told[], now: Contents, replaces: boolean): void {
  for (const response of told) {
    const { kind } = response;
    const side = sides.get(kind);
    if (side === undefined) throw new Error(`${kind} was not asked for`);
    const current = now[kind] ?? {};
    const names = response.resources.map(([name]) => name);
    assert.equal(
      new Set([...names, ...response.removed]).size,
      names.length + response.removed.length,
      'no name twice',
    );
    for (const [name, text] of response.resources) {
      assert(wants(side, name), `${kind} ${name} is wanted`);
      const before = side.sent.get(name);
      if (name in current || !full.has(kind)) assert.equal(text, current[name], `${kind} ${name} is current`);
      // A referrer that it asks for again is a new one to it.
      if (before !== text || side.asked.has(name)) {
        for (const word of text.split(' ').slice(1)) sides.get(dependents[kind] ?? kind)?.warmed.add(word);
      }
      // A full set carries what is unchanged, too.
      const because = before !== text || side.asked.has(name) || side.warmed.has(name) || full.has(kind);
      assert(because, `${kind} ${name} has a reason`);
      side.asked.delete(name);
      side.warmed.delete(name);
      side.sent.set(name, text);
    }
    if (replaces && full.has(kind)) {
      for (const name of side.sent.keys()) if (!names.includes(name)) side.sent.delete(name);
    }
    for (const name of response.removed) {
      assert.equal(current[name], undefined, `${kind} ${name} is gone`);
      const because = side.asked.has(name) || side.sent.get(name) !== undefined;
      assert(because, `${kind} -${name} has a reason`);
      side.asked.delete(name);
      side.refused.delete(name);
      side.sent.set(name, undefined);
    }
    side.pending.push(response);
  }
}

/** What must hold once everything was answered: the client has exactly what it wants. */
export function settle(sides: Sides, now: Contents): void {
  // What was refused and is gone since is nobody's any more.
  const rejected = [...sides.values()].some(({ type, refused }) =>
    [...refused.keys()].some((name) => name in (now[type] ?? {})),
  );
  for (const side of sides.values()) {
    const current = now[side.type] ?? {};
    for (const [name, text] of Object.entries(current)) {
      if (!wants(side, name)) continue;
      const has = side.view.get(name) === text || side.refused.get(name) === text;
      assert(has, `${side.type} ${name} arrived: ${side.view.get(name)} for ${text}`);
      assert(!side.asked.has(name), `${side.type} ${name} was answered`);
      assert(!side.warmed.has(name), `${side.type} ${name} was sent after its referrer`);
    }
    // What a refused listener or route may still need is not taken away.
    if (rejected || side.rejected || !full.has(side.type)) continue;
    for (const name of side.view.keys()) assert(name in current, `${side.type} ${name} was removed`);
  }
}
