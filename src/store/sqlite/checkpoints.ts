// Checkpoints off the event loop. Left alone, SQLite moves the -wal file into the database within whatever write fills it, and waits twice
// for the disk: tens of milliseconds in which nothing else happens, every second or two while much is written.
// https://www.sqlite.org/wal.html#ckpt
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../lib/clock.ts';
import type { Checkpointed } from './checkpoint-worker.ts';

export interface Checkpoints {
  /** So many pages were written, at least. */
  wrote(pages: number): void;
  close(): void;
}

/** Does one checkpoint, without keeping anybody from writing. */
export interface Checkpointer {
  run(): Promise<Checkpointed>;
  close(): void;
}

export interface CheckpointsDeps {
  readonly file: string;
  readonly clock: Pick<Clock, 'after'>;
  /** Nothing is written until the returned function is called. */
  readonly hold: () => () => void;
  /** From now on SQLite does it by itself. */
  readonly leaveToSqlite: () => void;
  /** Default: a thread, which begins with the first checkpoint. */
  readonly start?: (file: string, failed: () => void) => Checkpointer;
}

/** Pages between two, of which there may be a few times as many: a row changes an index, too. SQLite's own measure is 1,000. */
const everyPages = 500;
/** 4 KiB each. From there on the file begins anew, which it only does if nothing is written during the last checkpoint. */
const mostPages = 4096;
/** The longest that writes are held for it. It takes some milliseconds. */
const mostHeldMs = 250;
/** Without work the thread ends. */
const idleMs = 30_000;

/** A write never waits for the disk because of these, except for those within the few milliseconds in which the file begins anew. */
export function createCheckpoints(deps: CheckpointsDeps): Checkpoints {
  const { file, clock, hold, leaveToSqlite, start = startThread } = deps;
  let thread: Checkpointer | undefined;
  let [written, runs, over] = [0, false, false];
  let cancelIdle = (): void => {};

  const end = (): void => {
    cancelIdle();
    thread?.close();
    thread = undefined;
  };
  const giveUp = (): void => {
    if (over) return;
    over = true;
    end();
    leaveToSqlite();
  };
  const once = async (): Promise<number> => {
    thread ??= start(file, giveUp);
    const { pages } = await thread.run();
    if (pages === undefined) giveUp();
    return pages ?? 0;
  };
  /** What is written during a checkpoint keeps the file from beginning anew. */
  const undisturbed = async (): Promise<void> => {
    const release = hold();
    const cancel = clock.after(mostHeldMs, release);
    try {
      await once();
    } finally {
      cancel();
      release();
    }
  };
  const run = async (): Promise<void> => {
    cancelIdle();
    const pages = await once();
    if (pages >= mostPages && !over) await undisturbed();
    runs = false;
    if (over) return;
    cancelIdle = clock.after(idleMs, end);
    look();
  };
  const look = (): void => {
    if (written < everyPages || runs || over) return;
    [written, runs] = [0, true];
    run().catch(giveUp);
  };
  return {
    wrote(pages) {
      written += pages;
      look();
    },
    close() {
      over = true;
      end();
    },
  };
}

/** Beside this file, in the sources and in the package. */
const program = new URL(`./checkpoint-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);

function startThread(file: string, failed: () => void): Checkpointer {
  // It needs little memory, and nothing of this process's arguments and environment; what it prints is nobody's business.
  const limits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 };
  const io = { stdin: false, stdout: true, stderr: true };
  const worker = new Worker(program, { workerData: file, resourceLimits: limits, execArgv: [], env: {}, ...io });
  worker.unref();
  let answer = (_: Checkpointed): void => {};
  const broken = (): void => {
    answer({});
    failed();
  };
  worker.on('message', (done: Checkpointed) => answer(done));
  worker.on('error', broken);
  worker.on('exit', broken);
  return {
    run: () =>
      new Promise((resolve) => {
        answer = resolve;
        worker.postMessage('');
      }),
    close() {
      worker.off('exit', broken);
      answer({});
      void worker.terminate();
    },
  };
}
