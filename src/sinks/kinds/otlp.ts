// Records as OpenTelemetry logs: OTLP/HTTP with JSON. https://opentelemetry.io/docs/specs/otlp/#otlphttp, and the data model of logs,
// https://opentelemetry.io/docs/specs/otel/logs/data-model/

import type { AuditSink, SinkDeps, SinkRecord } from '../sink.ts';
import type { SinkOptionsOf } from '../sinks-file.ts';
import { postJson } from './webhook.ts';

/** Severity WARN (13): somebody got what documents do not give, or tried; everything else INFO (9). */
const warns = /refused|denied|forced|warned|banned|evicted|cut$|lost|missing|break-glass|restored|superseded|last-good/;

type Value = { readonly stringValue: string } | { readonly intValue: string };
interface Attribute {
  readonly key: string;
  readonly value: Value;
}

export function createOtlpSink(options: SinkOptionsOf<'otlp'>, { id, log }: SinkDeps): AuditSink {
  const url = `${options.url.replace(/\/+$/, '')}/v1/logs`;
  const resource = { attributes: [text('service.name', 'cellwall'), text('service.instance.id', id)] };
  return {
    async send(records) {
      const logs = { resource, scopeLogs: [{ scope: { name: 'cellwall.audit' }, logRecords: records.map(toLog) }] };
      const answer = await postJson({ ...options, url }, 'the collector', JSON.stringify({ resourceLogs: [logs] }));
      // What a collector rejected must not be sent again (OTLP, "Partial Success").
      const rejected = rejectedIn(answer);
      if (rejected !== undefined)
        log.error({ ...rejected }, 'the collector of OpenTelemetry logs rejected records of the audit log');
    },
  };
}

function toLog({ record, line }: SinkRecord): object {
  const { number, time, hash, event } = record;
  const nanos = `${Date.parse(time)}000000`;
  const isWarning = warns.test(event.kind);
  const author = 'author' in event ? [text('enduser.id', event.author)] : [];
  return {
    ...{ timeUnixNano: nanos, observedTimeUnixNano: nanos, eventName: `cellwall.audit.${event.kind}` },
    ...(isWarning ? { severityNumber: 13, severityText: 'WARN' } : { severityNumber: 9, severityText: 'INFO' }),
    body: { stringValue: line },
    attributes: [
      text('cellwall.audit.kind', event.kind),
      { key: 'cellwall.audit.number', value: { intValue: String(number) } } satisfies Attribute,
      text('cellwall.audit.hash', hash),
      ...author,
    ],
  };
}

function text(key: string, stringValue: string): Attribute {
  return { key, value: { stringValue } };
}

/** Hostile. */
function rejectedIn(answer: string): { readonly rejected: string; readonly reason: string } | undefined {
  try {
    const { partialSuccess } = Object(JSON.parse(answer));
    const { rejectedLogRecords = 0, errorMessage = '' } = Object(partialSuccess);
    if (!(Number(rejectedLogRecords) > 0)) return undefined;
    return { rejected: String(rejectedLogRecords).slice(0, 20), reason: String(errorMessage).slice(0, 500) };
  } catch {
    // An empty answer is a success as well.
    return undefined;
  }
}
