// What a long-running process writes to: stdout and stderr, never blocking the process. Its log: JSON lines on stderr for machines, text on
// a terminal.
import { isatty } from 'node:tty';
import { createLogSink, droppedLine, type LogSink, writeNowTo } from './log-sink.ts';
import { textLine } from './text-line.ts';

/** `auto`: text on a terminal, elsewhere JSON. */
export type LogFormat = (typeof logFormats)[number];
export const logFormats = ['auto', 'text', 'json'] as const;

const sinks = new Map<1 | 2, LogSink>();
let chosen: LogFormat = 'auto';

/** For what is logged from now on. */
export function useLogFormat(format: LogFormat): void {
  chosen = format;
}

function isText(descriptor: 1 | 2): boolean {
  return chosen === 'auto' || descriptor === 1 ? isatty(descriptor) : chosen === 'text';
}

/** One for each, because the limit on waiting output is per sink. */
export function processOutput(descriptor: 1 | 2): LogSink {
  const known = sinks.get(descriptor);
  if (known !== undefined) return known;
  const made = createLogSink(writeNowTo(descriptor), {
    tell: (dropped) => (isText(descriptor) ? textLine(droppedLine(dropped)) : droppedLine(dropped)),
  });
  sinks.set(descriptor, made);
  process.once('exit', () => made.last());
  return made;
}

export function processLog(): Pick<LogSink, 'write'> {
  const sink = processOutput(2);
  if (!isText(2)) return sink;
  return { write: (lines) => sink.write(lines.replaceAll(/[^\n]*\n/g, textLine)) };
}
