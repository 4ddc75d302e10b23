// Signed checkpoints in the log itself: whoever has a copy of it and the roots of the CA sees up to where nobody has rewritten it.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { AppendQueue } from './append-queue.ts';
import type { AuditEvent } from './audit-event.ts';
import { type CheckpointSigner, checkpointText, type Head } from './checkpoint-text.ts';

export interface Checkpoints {
  /** The first one is written now, if the log has any record. */
  signWith(signer: CheckpointSigner): void;
  /** The log has a new end. */
  wrote(head: Head): void;
  /** A last one, if anything was written since the one before. */
  close(): Promise<void>;
}

export interface CheckpointsDeps {
  /** Of the log. */
  readonly id: string;
  readonly append: AppendQueue['append'];
  readonly head: AppendQueue['head'];
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly log: Log;
}

/** After a record, and after so many. */
const everyMs = 60_000;
const mostRecords = 1000;

export function createCheckpoints({ id, append, head, clock, log }: CheckpointsDeps): Checkpoints {
  let signer: CheckpointSigner | undefined;
  /** The end that the last one left: itself. */
  let covered = -1;
  /** As it is in the log: it is repeated only when it changes. */
  let header: string | undefined;
  let waiting: (() => void) | undefined;
  let writing: Promise<void> | undefined;
  /** The last one could not be signed, or written: it is tried once a minute. */
  let failing = false;

  const write = async (signing: CheckpointSigner): Promise<void> => {
    waiting?.();
    waiting = undefined;
    let shown: string | undefined;
    try {
      const key = await signing.key();
      const sign = (before: Head): AuditEvent => {
        const checkpoint = { log: id, ...before, at: new Date(clock.now()).toISOString() };
        const signed = key.sign(checkpointText(checkpoint));
        shown = signed.protected;
        const { signature } = signed;
        return { kind: 'checkpoint', ...checkpoint, ...(shown === header ? {} : { protected: shown }), signature };
      };
      covered = (await append(sign)).number;
      header = shown;
      failing = false;
    } catch (reason) {
      failing = true;
      log.error({ reason: CellwallError.from(reason).message }, 'no checkpoint in the audit log');
    }
  };
  const writeNow = (): void => {
    if (signer === undefined || writing !== undefined || head().number <= covered) return;
    writing = write(signer).finally(() => {
      writing = undefined;
      look();
    });
  };
  const look = (): void => {
    const { number } = head();
    if (signer === undefined || writing !== undefined || number <= covered || number === 0) return;
    if (number - covered >= mostRecords && !failing) {
      writeNow();
      return;
    }
    waiting ??= clock.after(everyMs, () => {
      waiting = undefined;
      writeNow();
    });
  };
  return {
    signWith(given) {
      const isFirst = signer === undefined;
      signer = given;
      if (isFirst && head().number > 0) writeNow();
    },
    wrote: look,
    async close() {
      await writing;
      if (head().number > 0) writeNow();
      await writing;
      waiting?.();
      waiting = undefined;
    },
  };
}
