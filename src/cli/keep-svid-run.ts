// `svid fetch --watch`: renews until it is told to stop, runs a command after each renewal, and serves the Workload API.
import { ensureSecretFolder } from '../identity/secret-file.ts';
import { systemClock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { lockFolder } from '../lib/folder-lock.ts';
import { createStopSignals } from '../sidecar/stop-signals.ts';
import { type KeepSvidOptions as Keeping, keepSvid } from '../sidecar/svid/keep-svid.ts';
import { type RunOnRenewedOptions, runOnRenewed } from '../sidecar/svid/on-renewed.ts';
import type { FetchSvidOptions } from '../sidecar/svid/svid-fetch.ts';
import type { StoredSvid } from '../sidecar/svid/svid-files.ts';
import { createTakenMark, type TakenMark } from '../sidecar/svid/taken-mark.ts';
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
    const program =
      onRenew === undefined
        ? undefined
        : programTold(createTakenMark(directory), { command: onRenew, env, log, signal });
    const { svid, jwt, refusal } = await keepSvid({ ...fetching, ...defined({ program }), signal });
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

/** The command is run after each renewal, and at once if the program was not told of what is there when the helper ended. */
function programTold(mark: TakenMark, options: RunOnRenewedOptions): NonNullable<Keeping['program']> {
  return (svid) => {
    const isBehind = mark.isBehind(svid.value());
    const inUse = runOnRenewed(svid, { ...options, isBehind });
    const note = (): void => {
      const { files } = inUse.value();
      try {
        if (files !== undefined) mark.note(files);
      } catch (reason) {
        options.log.warn(
          { reason: CellwallError.from(reason).message },
          'cannot note what the program was told of: the command runs once more after a restart',
        );
      }
    };
    note();
    inUse.watch(note);
    return inUse;
  };
}
