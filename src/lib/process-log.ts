// The log of a process that lives long: JSON lines on stderr for machines, text on a terminal; never in the way of the process.
import { isatty } from 'node:tty';
import { createLogSink, type LogSink, stderrNow } from './log-sink.ts';
import { textLine } from './text-line.ts';

let sink: LogSink | undefined;

/** One a process, as what waits is bounded once. */
export function processLog(): LogSink {
  if (sink !== undefined) return sink;
  const made = isatty(2) ? forPeople() : createLogSink(stderrNow());
  sink = made;
  process.once('exit', () => made.last());
  return made;
}

function forPeople(): LogSink {
  const tell = (dropped: number): string => `${dropped} lines of the log were dropped: nobody read them\n`;
  const inner = createLogSink(stderrNow(), { tell });
  return { ...inner, write: (lines) => inner.write(lines.replaceAll(/[^\n]*\n/g, textLine)) };
}
