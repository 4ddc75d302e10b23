// The log's lines in another place. A copy in another file, on another disk as far as we are concerned: the same lines, each once, so that
// the copy can be verified like the log itself.
import { open } from 'node:fs/promises';
import { repairedTail } from '../../audit/audit-files.ts';
import { beginsRecord, parseRecord } from '../../audit/audit-record.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { LogSink } from '../../lib/log-sink.ts';
import { processOutput } from '../../lib/process-log.ts';
import type { AuditSink, SinkRecord } from '../sink.ts';
import type { SinkOptionsOf } from '../sinks-file.ts';

/** Opened for each batch: a file that is moved away is followed by a new one. */
export function createFileSink({ path }: Pick<SinkOptionsOf<'file'>, 'path'>): AuditSink {
  return {
    async send(records) {
      try {
        const rest = await missing(path, records);
        if (rest.length === 0) return;
        const handle = await open(path, 'a', 0o600);
        try {
          await handle.appendFile(rest.map(({ line }) => `${line}\n`).join(''));
          await handle.datasync();
        } finally {
          await handle.close();
        }
      } catch (cause) {
        throw new CellwallError('unavailable', `cannot write ${path}: ${CellwallError.from(cause).message}`, { cause });
      }
    },
  };
}

/**
 * What is not in the file yet: a process may have ended after it had written, and before it had remembered that. Half a record is taken
 * away; half a line of anything else is somebody's.
 */
async function missing(path: string, records: readonly SinkRecord[]): Promise<readonly SinkRecord[]> {
  const last = parseRecord((await repairedTail(path, beginsRecord)).line);
  if (last === undefined) return records;
  const known = records.findIndex(({ record }) => record.number === last.number && record.hash === last.hash);
  return records.slice(known + 1);
}

/**
 * On stdout, one JSON object a line, for whatever collects the output of containers. A reader that is slow is waited for; what a reader
 * took and lost is lost.
 */
export function createStdoutSink(output: Pick<LogSink, 'write' | 'dropped'> = processOutput(1)): AuditSink {
  return {
    async send(records) {
      const before = output.dropped();
      output.write(records.map(({ line }) => `${line}\n`).join(''));
      if (output.dropped() > before) throw new CellwallError('unavailable', 'nobody reads stdout');
    },
  };
}
