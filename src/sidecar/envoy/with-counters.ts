// An Envoy whose counters are reported while it runs, and once more before it drains, after the goodbye.
import type { EnvoyProcess } from './envoy-process.ts';
import { type CountersReporter, type CountersReporterOptions, reportCounters } from './report-counters.ts';

export interface WithCountersOptions extends Omit<CountersReporterOptions, 'admin'> {
  /** Without a drain it exits at once, whatever was not reported yet. */
  readonly drains: boolean;
  /** Resolves when its callers know that it leaves. */
  readonly goodbye: (now: AbortSignal) => Promise<void>;
}

/** The same process, whose `stop` first says goodbye and sends the last counters. */
export function withCounters(
  envoy: EnvoyProcess,
  { drains, goodbye, ...options }: WithCountersOptions,
): EnvoyProcess & Pick<CountersReporter, 'soon'> {
  const reporter = reportCounters({ ...options, admin: envoy.admin });
  const ending = new AbortController();
  const close = (): void => {
    reporter.close();
    ending.abort();
  };
  void envoy.exited.then(close);
  let last: Promise<void> | undefined;
  return {
    ...envoy,
    soon: reporter.soon,
    async stop() {
      last ??= drains ? goodbye(ending.signal).then(() => reporter.last(ending.signal)) : Promise.resolve();
      await last;
      return envoy.stop();
    },
    end() {
      close();
      envoy.end();
    },
  };
}
