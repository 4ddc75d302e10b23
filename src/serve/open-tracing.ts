// Traces of changes, if somebody wants them: from what starts them to the collector.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import { postJson, readCollectorFile } from '../lib/post-json.ts';
import type { Metrics } from '../observe/metrics.ts';
import { type ChangeTraces, createChangeTraces } from '../tracing/change-traces.ts';
import { otlpSpans } from '../tracing/otlp-spans.ts';
import { parseSampler } from '../tracing/sampler.ts';
import { createSpanExporter, type SpanExporterDeps } from '../tracing/span-exporter.ts';
import { readHeaders } from '../tracing/trace-options.ts';
import { createTracer } from '../tracing/tracer.ts';
import type { ServeOptions } from './serve-options.ts';

export interface OpenTracingDeps {
  readonly metrics: Pick<Metrics, 'watchTraces'>;
  /** Of the program. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Pick<Lifecycle, 'defer'>;
}

/** Undefined: nobody wants them, and nothing is done for them. */
export function openTracing({ tracing }: ServeOptions, deps: OpenTracingDeps): ChangeTraces | undefined {
  const { metrics, version, clock, log, lifecycle } = deps;
  for (const reason of tracing?.ignored ?? []) log.warn({ reason }, 'a setting of traces is not used');
  if (tracing?.url === undefined) return undefined;
  const { url, headersFile, caFile, timeoutMs } = tracing;
  const resource = {
    ...{ 'service.name': 'cellwall', 'service.version': version, 'service.instance.id': randomUUID() },
    ...{ 'host.name': hostname(), ...tracing.resource },
  };
  const send: SpanExporterDeps['send'] = async (spans, signal) => {
    const headers = headersFile === undefined ? tracing.headers.reveal() : headersOf(headersFile);
    const collector = { url, caFile, headers, timeoutMs, signal };
    return postJson(collector, 'the collector of traces', otlpSpans(spans, resource, version));
  };
  const exporter = createSpanExporter({ send, clock, log: log.child({ room: 'tracing' }) });
  metrics.watchTraces(exporter.figures);
  const tracer = createTracer({ sampler: parseSampler(tracing.sampler), clock, ended: exporter.add });
  const traces = createChangeTraces({ tracer, clock });
  lifecycle.defer('traces', async () => {
    traces.close();
    await exporter.close();
  });
  log.info({ to: new URL(url).origin, sampler: tracing.sampler }, 'changes are traced');
  return traces;
}

function headersOf(file: string): Readonly<Record<string, string>> {
  try {
    return readHeaders(readCollectorFile(file).trim());
  } catch (cause) {
    const { code, message } = CellwallError.from(cause);
    throw code === 'invalid_argument' ? new CellwallError('failed_precondition', `${file}: ${message}`) : cause;
  }
}
