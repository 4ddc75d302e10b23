// Records as OpenTelemetry logs: OTLP/HTTP with JSON. https://opentelemetry.io/docs/specs/otlp/#otlphttp, and the data model of logs,
// https://opentelemetry.io/docs/specs/otel/logs/data-model/

import { attributesOf, rejectedIn, signalUrl } from '../../lib/otlp.ts';
import { postJson } from '../../lib/post-json.ts';
import type { AuditSink, SinkDeps, SinkRecord } from '../sink.ts';
import type { SinkOptionsOf } from '../sinks-file.ts';

/** Severity WARN (13): somebody got what documents do not give, or tried; everything else INFO (9). */
const warns = /refused|denied|forced|warned|banned|evicted|cut$|lost|missing|break-glass|restored|superseded|last-good/;

/** What nanoseconds in 64 bits can say (the year 2554). */
const latestMs = 18_446_744_073_709;

export function createOtlpSink(options: SinkOptionsOf<'otlp'>, { id, log }: SinkDeps): AuditSink {
  const url = signalUrl(options.url, 'logs');
  const resource = { attributes: attributesOf({ 'service.name': 'cellwall', 'service.instance.id': id }) };
  return {
    async send(records, signal) {
      const logs = { resource, scopeLogs: [{ scope: { name: 'cellwall.audit' }, logRecords: records.map(toLog) }] };
      const answer = await postJson(
        { ...options, url, signal },
        'the collector',
        JSON.stringify({ resourceLogs: [logs] }),
      );
      // What a collector rejected must not be sent again (OTLP, "Partial Success").
      const rejected = rejectedIn(answer, 'rejectedLogRecords');
      if (rejected !== undefined)
        log.error({ ...rejected }, 'the collector of OpenTelemetry logs rejected records of the audit log');
    },
  };
}

/** Of whatever stands in the log: behind a record that no collector takes, all others would wait for ever. */
function toLog({ record, line }: SinkRecord): object {
  const { number, time, hash, event } = record;
  const nanos = nanosOf(time);
  const author: unknown = 'author' in event ? event.author : undefined;
  const isWarning = warns.test(event.kind);
  return {
    ...{ timeUnixNano: nanos, observedTimeUnixNano: nanos, eventName: `cellwall.audit.${event.kind}` },
    ...(isWarning ? { severityNumber: 13, severityText: 'WARN' } : { severityNumber: 9, severityText: 'INFO' }),
    body: { stringValue: line },
    attributes: attributesOf({
      ...{ 'cellwall.audit.kind': event.kind, 'cellwall.audit.number': number, 'cellwall.audit.hash': hash },
      ...(typeof author === 'string' && { 'enduser.id': author }),
    }),
  };
}

/** A fixed64; 0: not known. */
function nanosOf(time: string): string {
  const ms = Date.parse(time);
  return ms > 0 && ms < latestMs ? `${ms}000000` : '0';
}
