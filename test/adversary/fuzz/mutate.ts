// Small damage, as it is done to bytes on their way and by those who mean harm: one to four of the changes below.
import type { Random } from './random.ts';

export interface MutateDeps {
  readonly random: Random;
  readonly pool: readonly Buffer[];
  readonly dictionary: readonly Buffer[];
}

type Change = (input: Buffer, deps: MutateDeps) => Buffer;

export function mutate(input: Buffer, deps: MutateDeps): Buffer {
  let changed = input;
  for (let left = 1 + deps.random.below(4); left > 0; left--) changed = deps.random.of(changes)(changed, deps);
  return changed;
}

const odd = [
  '\0',
  '\x7f',
  '\u0085',
  '\u202e',
  '\ufeff',
  '\ud800',
  '%2f',
  '..',
  '/',
  '\\',
  '\r\n',
  '-1',
  '1e999',
  '9'.repeat(30),
];
const oddBytes = [
  ...odd.map((text) => Buffer.from(text)),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
  Buffer.from([0xc3, 0x28]),
];

function splice(input: Buffer, from: number, until: number, put: Uint8Array): Buffer {
  return Buffer.concat([input.subarray(0, from), put, input.subarray(until)]);
}

/** A range of it, rather short. */
function range({ length }: Buffer, random: Random): readonly [from: number, until: number] {
  const from = random.below(length + 1);
  return [from, Math.min(length, from + random.below(1 + random.below(64)))];
}

const changes: readonly Change[] = [
  (input, { random }) => {
    if (input.length === 0) return input;
    const flipped = Buffer.from(input);
    const at = random.below(input.length);
    flipped[at] = (input[at] ?? 0) ^ (1 << random.below(8));
    return flipped;
  },
  (input, { random }) => {
    const at = random.below(input.length + 1);
    return splice(input, at, Math.min(input.length, at + 1), random.bytes(1));
  },
  (input, { random }) => {
    const [from, until] = range(input, random);
    return splice(input, from, until, Buffer.alloc(0));
  },
  (input, { random }) => {
    const [from, until] = range(input, random);
    const times = random.below(50) === 0 ? 200 : 1 + random.below(3);
    return splice(input, until, until, Buffer.concat(Array.from({ length: times }, () => input.subarray(from, until))));
  },
  (input, { random, dictionary }) => {
    const [from, until] = range(input, random);
    return splice(input, from, random.below(2) === 0 ? from : until, random.of(dictionary));
  },
  (input, { random }) => {
    const at = random.below(input.length + 1);
    return splice(input, at, at, random.of(oddBytes));
  },
  (input, { random, pool }) => {
    const other = random.of(pool);
    const [from, until] = range(other, random);
    const at = random.below(input.length + 1);
    return splice(input, at, at, other.subarray(from, until));
  },
  (input, { random, pool }) => {
    const other = random.of(pool);
    return Buffer.concat([
      input.subarray(0, random.below(input.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
  (input, { random }) => input.subarray(0, random.below(input.length + 1)),
  (input, { random }) => splice(input, random.below(input.length + 1), input.length, random.bytes(random.below(32))),
];
