// A table that stays current on a terminal: drawn over itself in the terminal's other screen, again after a resize. Whatever ends it, the
// terminal is as it was.
import { setTimeout as delay } from 'node:timers/promises';
import { CellwallError } from '../../lib/errors.ts';
import { escapeLine } from '../../lib/escape.ts';
import type { CliIo } from '../io.ts';
import { cellOf, fits } from './cell.ts';
import { coloured, hasColour } from './colour.ts';

export interface Live<T extends object> {
  readonly everyMs: number;
  read(): Promise<T>;
  /** Escaped text, no line longer than that. */
  table(value: T, width: number): string;
  /** To be said above it. */
  problems(value: T): readonly string[];
}

/** The same where the output is no terminal: each value below the one before. What cannot be read ends it. */
export async function follow<T extends object>(
  io: Pick<CliIo, 'clock' | 'signals'>,
  { everyMs, read, show }: Pick<Live<T>, 'everyMs' | 'read'> & { show(value: T): Promise<void> },
): Promise<void> {
  const { stop } = io.signals();
  const stopped = new Promise<undefined>((resolve) => stop.addEventListener('abort', () => resolve(undefined)));
  while (!stop.aborted) {
    const value = await Promise.race([read(), stopped]);
    if (value === undefined) return;
    await show(value);
    await delay(everyMs, undefined, { signal: stop }).catch(() => {});
  }
}

/** xterm's private modes: the other screen, no cursor, no line that goes on in the next one. */
const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l';
/** Drawn at once (https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036); other terminals ignore it. */
const [begin, end] = ['\u001b[?2026h', '\u001b[?2026l'];
const leastWidth = 60;
const usualSize = { columns: 100, rows: 24 };
/** A control plane is not asked for more than a tenth of the time that it takes to answer. */
const patience = 10;

/** Until the program is told to stop, or nobody reads any more. Throws if the first answer fails; later ones are told in the picture. */
export async function live<T extends object>(
  io: Pick<CliIo, 'stdout' | 'env' | 'clock' | 'signals'>,
  { everyMs, read, table, problems }: Live<T>,
): Promise<void> {
  const { stdout, clock } = io;
  const { stop, suspends } = io.signals();
  // An answer may take its time; nobody waits for it any more.
  const stopped = new Promise<undefined>((resolve) => stop.addEventListener('abort', () => resolve(undefined)));
  const first = await Promise.race([read(), stopped]);
  if (first === undefined) return;
  let value = first;
  let [at, problem]: [number, string | undefined] = [clock.now(), undefined];
  const draw = (): void => {
    const { columns = usualSize.columns, rows = usualSize.rows } = stdout;
    const ofWhen = `${new Date(at).toISOString().slice(11, 19)} UTC, every ${everyMs / 1000} s; Ctrl-C ends`;
    const fault = problem === undefined ? [ofWhen] : [`NO ANSWER since ${ofWhen}`, escapeLine(problem)];
    const told = [...fault, ...problems(value).slice(0, 3).map(escapeLine)];
    const text = table(value, Math.max(columns, leastWidth));
    const lines = [...told, '', ...(hasColour(io) ? coloured(text) : text).trimEnd().split('\n')];
    const shown = lines.length <= rows ? lines : [...lines.slice(0, rows - 1), more(lines.length - rows + 1)];
    const cut = shown.map((line, index) => (index < told.length ? line.slice(0, fits(line, columns)) : line));
    stdout.write(`${begin}\u001b[H${cut.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J${end}`);
  };
  const wake = (): void => {
    if (!stop.aborted) stdout.write(enter);
    if (!stop.aborted) draw();
  };
  const awake = suspends(() => void stdout.write(leave), wake);
  stdout.on?.('resize', draw);
  try {
    wake();
    while (!stop.aborted) {
      const began = clock.monotonic();
      try {
        value = (await Promise.race([read(), stopped])) ?? value;
        [at, problem] = [clock.now(), undefined];
      } catch (reason) {
        problem = CellwallError.from(reason).message;
      }
      if (stop.aborted) break;
      draw();
      const pauseMs = Math.max(everyMs, (clock.monotonic() - began) * patience);
      await delay(pauseMs, undefined, { signal: stop }).catch(() => {});
    }
  } finally {
    stdout.off?.('resize', draw);
    awake();
    stdout.write(leave);
  }
}

function more(lines: number): string {
  return cellOf(`… ${lines} more lines: make the terminal higher, or show less (a service, --cell, --problems)`);
}
