// The program: the only reader of argv, environment and signals. What a command needs is imported when it runs.

import { livesLong } from './cli/lives-long.ts';
import { neverAStack } from './cli/never-a-stack.ts';
import { createProgram } from './cli/program.ts';
import type { CliRun } from './cli/run.ts';
import { createSidecarRun } from './cli/sidecar-run.ts';
import { listenToSignals, type Signals } from './cli/signals.ts';
import { packageVersion } from './config.ts';
import { systemClock } from './lib/clock.ts';
import { processOutput, useLogFormat } from './lib/process-log.ts';

const run: CliRun = {
  async serve(options, started) {
    const [{ serve }, { createLog }, { createLifecycle }] = await Promise.all([
      import('./serve/serve.ts'),
      import('./lib/log.ts'),
      import('./lib/lifecycle.ts'),
    ]);
    const log = createLog(options.logLevel);
    const stopping = new AbortController();
    const lifecycle = createLifecycle({
      onError: (name, reason) => log.error({ name, reason: String(reason) }, 'did not close cleanly'),
    });
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.once(signal, () => {
          log.info({ signal }, 'stopping');
          stopping.abort();
          resolve();
        });
      }
    });
    const deps = { clock: systemClock, log, version: packageVersion, lifecycle, signal: stopping.signal };
    try {
      await serve(options, deps, started);
      await stopped;
      return 0;
    } catch (reason) {
      if (stopping.signal.aborted) return 0;
      throw reason;
    } finally {
      await lifecycle.close();
    }
  },
  async inspect(options) {
    const { inspect } = await import('./validate/inspect.ts');
    return inspect(options, { env: process.env });
  },
  async moveStore(options) {
    const [{ moveStore }, { createLog }] = await Promise.all([import('./serve/move-store.ts'), import('./lib/log.ts')]);
    return moveStore(options, { clock: systemClock, log: createLog('warn') });
  },
  ...createSidecarRun({ env: process.env }),
};

neverAStack(process);

const args = process.argv.slice(2);
// The reader of a short command's output may take as long as it likes; nobody blocks a process that calls depend on.
const { stdout, stderr } = livesLong(args) ? { stdout: processOutput(1), stderr: processOutput(2) } : process;
let signals: Signals | undefined;
const program = createProgram({
  stdout,
  stderr,
  stdin: process.stdin,
  env: process.env,
  clock: systemClock,
  version: packageVersion,
  run,
  signals() {
    signals ??= listenToSignals(process);
    return signals;
  },
  useLogFormat,
});
process.exitCode = await program.run(args);
// What was asked may still be answered: it has been told to end.
if (signals?.stop.aborted === true) process.exit();
