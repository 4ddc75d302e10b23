// What a long-running process writes to: stdout and stderr, never blocking the process. Its log: JSON lines on stderr for machines, text on
// a terminal.
import { isatty } from 'node:tty';
import { createLogSink, type LogSink, writeNowTo } from './log-sink.ts';
import { textLine } from './text-line.ts';

const sinks = new Map<1 | 2, LogSink>();

/** One for each, because the limit on waiting output is per sink. */
export function processOutput(descriptor: 1 | 2): LogSink {
  const known = sinks.get(descriptor);
  if (known !== undefined) return known;
  const tell = (dropped: number): string => `${dropped} lines of the log were dropped: nobody read them\n`;
  const made = createLogSink(writeNowTo(descriptor), isatty(descriptor) ? { tell } : {});
  sinks.set(descriptor, made);
  process.once('exit', () => made.last());
  return made;
}

export function processLog(): Pick<LogSink, 'write'> {
  const sink = processOutput(2);
  if (!isatty(2)) return sink;
  return { write: (lines) => sink.write(lines.replaceAll(/[^\n]*\n/g, textLine)) };
}
