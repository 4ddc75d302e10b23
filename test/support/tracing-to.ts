// Options of a control plane that sends its traces to a test's collector.
import { Redacted } from '../../src/lib/redacted.ts';
import type { TracingOptions } from '../../src/tracing/trace-options.ts';

export function tracingTo(url: string, more: Partial<TracingOptions> = {}): TracingOptions {
  return {
    ...{ url, headers: new Redacted({}), timeoutMs: 2000, sampler: 'parentbased_always_on', resource: {}, ignored: [] },
    ...more,
  };
}
