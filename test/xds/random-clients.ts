// Random clients of both variants against the small model of the rules in model.ts: subscriptions, ACKs, NACKs, stale nonces,
// updates, removals and reconnects in any order.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { drop, full, openSide, receive, type Side, type Sides, settle, type Type, types } from './model.ts';
import { DeltaStory, type DeltaTold, type Kind, SotwStory, type SotwTold, type Told, versionOf } from './story.ts';
import type { Contents } from './xds-fixture.ts';

interface Step {
  readonly kind: 'set' | 'open' | 'want' | 'drop' | 'stale' | 'ack' | 'nack' | 'reconnect' | 'wait';
  readonly type: Type;
  readonly names: readonly string[];
  readonly contents: Contents;
}

// The content says the name, a number, and for a cluster or listener the dependents that it names.
const texts = (type: Type) =>
  fc
    .dictionary(fc.constantFrom('a', 'b', 'c'), fc.tuple(fc.nat(2), fc.subarray(['a', 'b', 'c'])))
    .map((all) =>
      Object.entries(all).map(([name, [n, refs]]) => [name, [`${name}:${n}`, ...(full.has(type) ? refs : [])]]),
    )
    .map((all) =>
      Object.fromEntries(all.map(([name, words]) => [name, Array.isArray(words) ? words.join(' ') : words])),
    );
const contents: fc.Arbitrary<Contents> = fc.record({
  cluster: texts('cluster'),
  endpoint: texts('endpoint'),
  listener: texts('listener'),
  route: texts('route'),
});
const type = fc.constantFrom(...types);
const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'x', '*'), { minLength: 1, maxLength: 3 });
const kind = fc.constantFrom<Step['kind'][]>(
  ...([
    'set',
    'set',
    'open',
    'want',
    'want',
    'drop',
    'stale',
    'ack',
    'ack',
    'ack',
    'nack',
    'reconnect',
    'wait',
  ] as const),
);
const sequences = fc.array(fc.record({ kind, type, names, contents }), { minLength: 1, maxLength: 40 });

/** A server as one stream sees it: each call ends when all is told that the server then sends. */
export interface Telling<Asked> {
  /** Every response so far. */
  readonly told: readonly Told[];
  readonly nonces: ReadonlyMap<Kind, string>;
  readonly versions: ReadonlyMap<Kind, string>;
  ask(kind: Kind, asked?: Asked): unknown;
  set(contents: Contents): unknown;
  wait(ms: number): unknown;
}

/** Opens streams: of a client that was there before, or of a new one. */
export interface Stories {
  delta(again: boolean): Telling<DeltaTold> | Promise<Telling<DeltaTold>>;
  sotw(again: boolean): Telling<SotwTold> | Promise<Telling<SotwTold>>;
}

const pure: Stories = { delta: () => new DeltaStory(), sotw: () => new SotwStory() };

/** One variant's client: how each operation is said, and what an answer does to what it has. */
interface Player {
  readonly sides: Sides;
  open(side: Side): Promise<void>;
  want(side: Side, wanted: readonly string[]): Promise<void>;
  drop(side: Side, dropped: readonly string[]): Promise<void>;
  stale(side: Side, wanted: readonly string[]): Promise<void>;
  answer(side: Side, error: boolean): Promise<void>;
  set(contents: Contents): Promise<void>;
  wait(): Promise<void>;
  reconnect(): Promise<void>;
}

async function play(player: Player, sequence: readonly Step[], now: { contents: Contents }): Promise<void> {
  await player.set(now.contents);
  for (const step of sequence) {
    if (step.kind === 'set') {
      now.contents = step.contents;
      await player.set(step.contents);
    } else if (step.kind === 'reconnect') await player.reconnect();
    else if (step.kind === 'wait') await player.wait();
    else {
      const known = player.sides.get(step.type);
      const side = known ?? openSide(step.type);
      if (known === undefined && step.kind !== 'open' && step.kind !== 'want') continue;
      player.sides.set(step.type, side);
      if (step.kind === 'open') {
        if (known === undefined) await player.open(side);
      } else if (step.kind === 'ack') await player.answer(side, false);
      else if (step.kind === 'nack') await player.answer(side, true);
      else await player[step.kind](side, step.names);
    }
  }
  for (let round = 0; round < 50; round++) {
    await player.wait();
    const waiting = [...player.sides.values()].filter(({ pending }) => pending.length > 0);
    if (waiting.length === 0) break;
    for (const side of waiting) await player.answer(side, false);
  }
  assert(
    [...player.sides.values()].every(({ pending }) => pending.length === 0),
    'every response was answered',
  );
  settle(player.sides, now.contents);
}

/** What the client does with a response that it answers. */
function apply(side: Side, response: Told, error: boolean, replaces: boolean): void {
  side.rejected = error;
  // Nothing about a removal can be refused: it is carried out beside what was.
  for (const name of response.removed) side.view.delete(name);
  if (error) {
    for (const [name, text] of response.resources) side.refused.set(name, text);
    return;
  }
  if (replaces) {
    side.view.clear();
    side.refused.clear();
  }
  for (const [name, text] of response.resources) {
    if (!side.wanted.has('*') && !side.wanted.has(name)) continue;
    side.view.set(name, text);
    side.refused.delete(name);
  }
}

async function deltaPlayer(now: { contents: Contents }, stories: Stories): Promise<Player> {
  let story = await stories.delta(false);
  const sides: Sides = new Map();
  const run = async (act: () => unknown): Promise<void> => {
    const before = story.told.length;
    await act();
    receive(sides, story.told.slice(before), now.contents, false);
  };
  return {
    sides,
    async open(side) {
      if (full.has(side.type)) side.wanted.add('*');
      side.legacy = full.has(side.type);
      await run(() => story.ask(side.type));
    },
    async want(side, wanted) {
      for (const name of wanted) {
        if (name === '*') {
          if (side.wanted.has('*') && !side.legacy) for (const known of side.sent.keys()) side.asked.add(known);
          // What comes yet from before, it would keep now, though it may be gone.
          if (!side.legacy)
            for (const { resources } of side.pending) for (const [known] of resources) side.asked.add(known);
          side.legacy = false;
        } else side.asked.add(name);
        side.wanted.add(name);
      }
      await run(() => story.ask(side.type, { sub: wanted }));
    },
    async drop(side, dropped) {
      drop(side, dropped);
      await run(() => story.ask(side.type, { unsub: dropped }));
    },
    async stale(side, wanted) {
      // In this variant what it subscribes to counts all the same.
      const plain = wanted.filter((name) => name !== '*');
      for (const name of plain) side.wanted.add(name) && side.asked.add(name);
      await run(() => story.ask(side.type, { sub: plain, nonce: 'stale', error: 'ignored' }));
    },
    async answer(side, error) {
      const response = side.pending.shift();
      if (response === undefined) return;
      apply(side, response, error, false);
      await run(() => story.ask(side.type, { nonce: response.nonce, ...(error ? { error: 'bad' } : {}) }));
    },
    set: (contents) => run(() => story.set(contents)),
    wait: () => run(() => story.wait(1000)),
    async reconnect() {
      story = await stories.delta(true);
      await story.set(now.contents);
      const open = [...sides.values()];
      for (const side of open) {
        Object.assign(side, openSide(side.type), { wanted: side.wanted, legacy: side.legacy, view: side.view });
        for (const [name, text] of side.view) side.sent.set(name, text);
        for (const name of side.wanted) if (name !== '*' && !side.view.has(name)) side.asked.add(name);
      }
      for (const side of open) if (side.wanted.size === 0) sides.delete(side.type);
      for (const type of types) {
        const side = sides.get(type);
        if (side === undefined) continue;
        const has = Object.fromEntries([...side.view].map(([name, text]) => [name, versionOf(text)]));
        await run(() => story.ask(type, { sub: side.legacy && side.wanted.size === 1 ? [] : [...side.wanted], has }));
        if (!(side.legacy && side.wanted.size === 1)) side.legacy = false;
      }
    },
  };
}

async function sotwPlayer(now: { contents: Contents }, stories: Stories): Promise<Player> {
  let story = await stories.sotw(false);
  const sides: Sides = new Map();
  const accepted = new Map<Type, string>();
  const run = async (act: () => unknown): Promise<void> => {
    const before = story.told.length;
    await act();
    receive(sides, story.told.slice(before), now.contents, true);
  };
  // Every request with the newest nonce answers all that came before.
  const ask = async (side: Side, error = false): Promise<void> => {
    const last = side.pending.at(-1);
    for (const response of side.pending) apply(side, response, error && response === last, full.has(side.type));
    if (last !== undefined && !error) accepted.set(side.type, story.versions.get(side.type) ?? '');
    side.pending = [];
    const list = side.legacy ? [] : [...side.wanted];
    await run(() => story.ask(side.type, { names: list, ...(error && last !== undefined ? { error: 'bad' } : {}) }));
  };
  return {
    sides,
    async open(side) {
      if (full.has(side.type)) side.wanted.add('*');
      side.legacy = full.has(side.type);
      await ask(side);
    },
    async want(side, wanted) {
      // Of all that it has, it goes on wanting what it now names.
      if (side.legacy && !wanted.includes('*')) side.wanted.delete('*');
      side.legacy = false;
      for (const name of wanted) {
        if (name !== '*' && !side.wanted.has(name)) side.asked.add(name);
        side.wanted.add(name);
      }
      drop(side, []);
      await ask(side);
    },
    async drop(side, dropped) {
      // A client that has named nothing yet has no list to leave something out of.
      if (side.legacy) return ask(side);
      drop(side, dropped);
      await ask(side);
      // The version it can say no longer tells what it has: the one case in which this variant cannot (docs/xds.md).
      accepted.delete(side.type);
    },
    async stale(side, wanted) {
      if (story.nonces.has(side.type))
        await run(() => story.ask(side.type, { names: wanted, nonce: 'stale', error: 'ignored' }));
    },
    answer: (side, error) => ask(side, error),
    async set(contents) {
      // Nobody tells the client that something is gone; what comes back is sent again, though it may be the same.
      for (const { type, sent } of sides.values()) {
        for (const name of sent.keys()) if (!full.has(type) && !(name in (contents[type] ?? {}))) sent.delete(name);
      }
      await run(() => story.set(contents));
    },
    wait: () => run(() => story.wait(1000)),
    async reconnect() {
      story = await stories.sotw(true);
      await story.set(now.contents);
      for (const side of [...sides.values()]) {
        if (side.wanted.size === 0) sides.delete(side.type);
        Object.assign(side, openSide(side.type), { wanted: side.wanted, legacy: side.legacy, view: side.view });
      }
      for (const type of types) {
        const side = sides.get(type);
        if (side === undefined) continue;
        const version = accepted.get(type) ?? '';
        // The full set carries what it has as well; that alone warms nothing.
        if (full.has(type)) for (const [name, text] of side.view) side.sent.set(name, text);
        await run(() => story.ask(type, { names: side.legacy ? [] : [...side.wanted], version }));
      }
    },
  };
}

const players = { delta: deltaPlayer, sotw: sotwPlayer } as const;

export interface Difference {
  /** Undefined: the server and the model never differed. */
  readonly found: string | undefined;
  readonly seed: number;
}

export interface RandomClients {
  readonly seed?: number;
  /** Default: the pure steps. */
  readonly stories?: Stories;
}

/** Plays so many sequences; the seed repeats them. */
export async function playRandomClients(
  variant: keyof typeof players,
  sequenceCount: number,
  { seed, stories = pure }: RandomClients = {},
): Promise<Difference> {
  const property = fc.asyncProperty(contents, sequences, async (first, sequence) => {
    const now = { contents: first };
    await play(await players[variant](now, stories), sequence, now);
  });
  const details = await fc.check(property, { numRuns: sequenceCount, ...(seed === undefined ? {} : { seed }) });
  return {
    found: details.failed ? `${details.errorInstance}\n${fc.defaultReportMessage(details)}` : undefined,
    seed: details.seed,
  };
}
