// `svid fetch --watch`: renews until it is told to stop, runs a command after each renewal, and serves the Workload API.
import { ensureSecretFolder } from '../identity/secret-file.ts';
import { systemClock } from '../lib/clock.ts';
import { lockFolder } from '../lib/folder-lock.ts';
import { createStopSignals } from '../sidecar/stop-signals.ts';
import { keepSvid } from '../sidecar/svid/keep-svid.ts';
import { runOnRenewed } from '../sidecar/svid/on-renewed.ts';
import type { FetchSvidOptions } from '../sidecar/svid/svid-fetch.ts';
import type { StoredSvid } from '../sidecar/svid/svid-files.ts';
import type { CliIo } from './io.ts';
import type { KeepSvidOptions } from './run.ts';

export async function keepSvidRunning(
  { directory, onRenew, workloadApi }: Pick<KeepSvidOptions, 'directory' | 'onRenew' | 'workloadApi'>,
  fetching: FetchSvidOptions,
  env: CliIo['env'],
  started: (svid: StoredSvid) => void,
): Promise<0> {
  const stopping = createStopSignals();
  const signal = stopping.drain;
  const { log } = fetching;
  ensureSecretFolder(directory);
  const lock = lockFolder({ folder: directory, name: 'svid', hint: 'one process keeps the SVID of a folder' });
  let api: { close(): Promise<void> } | undefined;
  try {
    const { svid, jwt, refusal } = await keepSvid({ ...fetching, signal });
    if (onRenew !== undefined) svid.watch(runOnRenewed({ command: onRenew, env, log }));
    if (workloadApi !== undefined) {
      const { createWorkloadApi } = await import('../workload-api/workload-api.ts');
      api = await createWorkloadApi({ ...workloadApi, svid, jwt, refusal, clock: systemClock, log });
    }
    started(svid.value());
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return 0;
  } catch (reason) {
    if (signal.aborted) return 0;
    throw reason;
  } finally {
    await api?.close();
    lock.release();
    stopping.close();
  }
}
