// A thread of its own for checkpoints: moves what stands in the -wal file of a database into the database, and waits for the disk, while
// the event loop goes on. Told by a message; answers each with what was done. It keeps nothing open between two.
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

/** Pages in the -wal file, and how many of them are in the database now. Absent: it failed. */
export interface Checkpointed {
  readonly pages?: number;
  readonly moved?: number;
}

function checkpoint(file: string): Checkpointed {
  const database = new DatabaseSync(file);
  try {
    // NORMAL: both files are synced, in the right order.
    database.exec('PRAGMA synchronous = NORMAL');
    const row = database.prepare('PRAGMA wal_checkpoint(PASSIVE)').get();
    return { pages: Number(row?.['log']), moved: Number(row?.['checkpointed']) };
  } finally {
    database.close();
  }
}

parentPort?.on('message', () => {
  let done: Checkpointed = {};
  try {
    done = checkpoint(String(workerData));
  } catch {
    // Whoever asked has SQLite do it in its own way.
  }
  parentPort?.postMessage(done);
});
