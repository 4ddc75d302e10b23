// Calls of ten cells about each other's cells, as many as wanted: on each connection the headers and parts of messages of several calls
// come in a random order, and every answer is compared with what the message said.
import { type Claim, type ClaimsWall, claim } from './claims-wall.ts';
import { field, fixed64Field, frame } from './proto-bytes.ts';
import type { Answer, RawGrpcCaller } from './raw-grpc-caller.ts';
import { cellNumbers } from './ten-cells.ts';

export interface LoadOptions {
  /** Equal seeds send equal calls, in an order that also the wall has a part in. */
  readonly seed: number;
  /** Asked before each new call. */
  more(made: number): boolean;
  readonly ruleChangeMs: number;
}

export interface LoadOutcome {
  readonly calls: number;
  readonly passed: number;
  readonly refused: number;
  /** Answered otherwise than its message says. */
  readonly wrong: number;
  /** Of a connection that the wall ended at its age: neither right nor wrong. */
  readonly lost: number;
  readonly connections: number;
  readonly seconds: number;
}

/** Calls at a time: on two connections of each cell many, on a third one at a time. */
const widths = [8, 8, 1];
const callsOfSingle = 200;

export async function claimsLoad(wall: ClaimsWall, { seed, more, ruleChangeMs }: LoadOptions): Promise<LoadOutcome> {
  const random = randomOf(seed);
  const counts = { calls: 0, passed: 0, refused: 0, wrong: 0, lost: 0, connections: 0 };
  const started = performance.now();
  const changes = setInterval(() => wall.changeRules(), ruleChangeMs);
  const lane = async (sender: number, width: number): Promise<void> => {
    while (more(counts.calls)) {
      const caller = await wall.caller(sender);
      counts.connections++;
      await oneConnection(caller, sender, width);
      caller.close();
    }
  };
  const oneConnection = (caller: RawGrpcCaller, sender: number, width: number): Promise<void> =>
    new Promise((resolve) => {
      const open: Call[] = [];
      let made = 0;
      let inFlight = 0;
      const settle = (call: Call, answer: Answer): void => {
        inFlight--;
        const at = open.indexOf(call);
        if (at !== -1) open.splice(at, 1);
        if (answer === 'lost' && !caller.usable) counts.lost++;
        else if (answer === 'passed' && call.passes) counts.passed++;
        else if (answer === 'refused' && !call.passes) counts.refused++;
        else counts.wrong++;
      };
      const act = (): void => {
        const mayOpen = inFlight < width && caller.usable && more(counts.calls) && (width > 1 || made < callsOfSingle);
        if (mayOpen && (open.length === 0 || random(3) === 0)) {
          const call = randomCall(sender, random);
          const stream = caller.open(`pkg.Claims/${call.method}`);
          if (stream === undefined) return;
          counts.calls++;
          made++;
          inFlight++;
          call.stream = stream;
          open.push(call);
          void caller.answer(stream).then((answer) => settle(call, answer));
        } else {
          const call = open[random(open.length)];
          const part = call?.parts.shift();
          if (call === undefined || part === undefined) return;
          const last = call.parts.length === 0;
          caller.send(call.stream, part, last);
          if (last) open.splice(open.indexOf(call), 1);
        }
      };
      const turn = (): void => {
        for (let step = 0; step < width * 2; step++) act();
        const done = !caller.usable || !more(counts.calls) || (width === 1 && made >= callsOfSingle);
        if (done && inFlight === 0) resolve();
        else setImmediate(turn);
      };
      turn();
    });
  try {
    await Promise.all(cellNumbers.flatMap((cell) => widths.map((width) => lane(cell, width))));
  } finally {
    clearInterval(changes);
  }
  return { ...counts, seconds: (performance.now() - started) / 1000 };
}

interface Call {
  readonly method: Claim;
  readonly parts: Buffer[];
  readonly passes: boolean;
  stream: number;
}

type Random = (below: number) => number;

function randomCall(sender: number, random: Random): Call {
  const method = random(2) === 0 ? 'Begin' : 'Commit';
  const odd = random(16);
  const own = random(2) === 0;
  const cell = own ? sender : (cellNumbers[random(cellNumbers.length)] ?? sender);
  const bytes =
    odd < oddClaims.length ? (oddClaims[odd]?.(method, sender, cell) ?? Buffer.alloc(0)) : claim(method, cell, sender);
  // Never an empty part: Envoy ends a connection that sends two such frames.
  const cuts = [...new Set([random(bytes.length), random(bytes.length)].slice(0, random(3)))]
    .filter((at) => at > 0)
    .sort((a, b) => a - b);
  const parts = [0, ...cuts].map((from, index) => bytes.subarray(from, cuts[index]));
  return { method, parts, passes: odd >= oddClaims.length && cell === sender, stream: 0 };
}

/** None of them says one cell for certain. */
const oddClaims: readonly ((method: Claim, sender: number, cell: number) => Buffer)[] = [
  (method, sender, cell) => frame(Buffer.concat([field(fieldOf(method), cell), field(fieldOf(method), sender)])),
  (method, sender) => frame(fixed64Field(fieldOf(method), BigInt(sender))),
  (method, sender) => claim(method, sender, sender).fill(1, 0, 1),
  (method, sender) => claim(method, sender, sender).subarray(0, 8),
];

function fieldOf(method: Claim): number {
  return method === 'Begin' ? 3 : 1;
}

/** Mulberry32. */
function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}
