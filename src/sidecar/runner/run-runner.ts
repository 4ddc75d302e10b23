// `cellwall runner serve`: beside GitLab Runner, with an identity of its own, it gives each job there the job's (docs/runners.md).
import { chmodSync } from 'node:fs';
import type { Server } from 'node:http';
import { ensureSecretFolder } from '../../identity/secret-file.ts';
import { systemClock } from '../../lib/clock.ts';
import { type FolderLock, lockFolder } from '../../lib/folder-lock.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import { checkSocketFolder } from '../../workload-api/socket-guard.ts';
import { createControlPlanes, readControlPlanes, seedOf } from '../servers/control-planes.ts';
import { keepSvid } from '../svid/keep-svid.ts';
import { loadNodeKey } from '../svid/node-key.ts';
import type { FetchSvidOptions } from '../svid/svid-fetch.ts';
import type { StoredSvid } from '../svid/svid-files.ts';
import { controlSocket, serveControl } from './control-socket.ts';
import { checkLength } from './job-folder.ts';
import { createJobs, type Separation } from './jobs.ts';

export interface RunRunnerOptions extends FetchSvidOptions {
  /** Holds the control socket, and a folder for each job. Made with mode 0711. */
  readonly runDir: string;
  readonly separation: Separation;
  /** Ends it, and with it the identities of its jobs. */
  readonly signal: AbortSignal;
  /** Told once it takes jobs. */
  readonly started: (svid: StoredSvid) => void;
}

/** Resolves when it has ended. */
export async function runRunner(options: RunRunnerOptions): Promise<void> {
  const { runDir, separation, signal, started, dir, identity, log, clock = systemClock } = options;
  checkLength(runDir);
  if (makeFolder(runDir, 0o711)) chmodSync(runDir, 0o711);
  // Before anything in it is touched.
  checkSocketFolder(controlSocket(runDir));
  ensureSecretFolder(dir);
  const hint = 'one process serves one runner: give another one its own --dir and --run-dir';
  const locks: FolderLock[] = [];
  let control: Server | undefined;
  let jobs: ReturnType<typeof createJobs> | undefined;
  try {
    for (const folder of [dir, runDir]) locks.push(lockFolder({ folder, name: 'runner', hint }));
    const { svid, refusal } = await keepSvid(options);
    const servers = createControlPlanes(readControlPlanes(identity), seedOf(await loadNodeKey(dir)));
    jobs = createJobs({ servers, runner: svid.value, refusal, folder: runDir, separation, clock, log });
    control = await serveControl(runDir, jobs);
    started(svid.value());
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  } finally {
    const closed = control === undefined ? undefined : closing(control);
    await jobs?.endAll();
    control?.closeAllConnections();
    await closed;
    for (const lock of locks) lock.release();
  }
}

function closing(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
