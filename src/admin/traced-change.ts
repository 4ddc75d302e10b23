// A change of documents with a span for itself and its steps, if changes are traced. No document, reason or address is in them.
import { CellwallError } from '../lib/errors.ts';
import type { OtlpFields } from '../lib/otlp.ts';
import type { ChangeTraces, RequestTrace } from '../tracing/change-traces.ts';
import type { Caller } from './caller.ts';
import type { Answer } from './route.ts';
import type { ApplyAnswer } from './wire.ts';

export interface TracedOptions {
  readonly caller: Caller;
  readonly dryRun: boolean;
  /** Epoch milliseconds, fractional. */
  readonly receivedAt: number;
  readonly urgent: boolean;
  /** The `traceparent` of the request. */
  readonly traceparent?: string | undefined;
  /** Set by `tracedChange`. */
  readonly trace?: RequestTrace;
}

type Applies<P, O> = (plan: P, options: O) => Promise<Answer<ApplyAnswer>>;

const mostKeys = 20;

/** The same change if nothing is traced. */
export function tracedChange<P, O extends TracedOptions>(
  change: Applies<P, O>,
  traces: Pick<ChangeTraces, 'request'> | undefined,
): Applies<P, O> {
  if (traces === undefined) return change;
  return async (plan, options) => {
    const { caller, dryRun, urgent } = options;
    const fields = { 'enduser.id': caller.name, 'cellwall.dry_run': dryRun, 'cellwall.urgent': urgent };
    const agoMs = performance.timeOrigin + performance.now() - options.receivedAt;
    const trace = traces.request(options.traceparent, fields, agoMs);
    try {
      const answer = await change(plan, { ...options, trace });
      if (answer.kind !== 'ok') {
        const code = answer.kind === 'error' ? answer.body.code : answer.kind;
        trace.end({ 'cellwall.result': code }, code);
        return answer;
      }
      trace.end(resultOf(answer.value));
      const { traceId } = trace;
      return traceId === undefined ? answer : { ...answer, value: { ...answer.value, traceId } };
    } catch (reason) {
      const { code } = CellwallError.from(reason);
      trace.end({ 'cellwall.result': code }, code);
      throw reason;
    }
  };
}

function resultOf({ kind, revision, changed }: ApplyAnswer): OtlpFields {
  return {
    ...{ 'cellwall.result': kind, 'cellwall.revision': revision, 'cellwall.changed': changed.length },
    'cellwall.documents': changed.slice(0, mostKeys),
  };
}
