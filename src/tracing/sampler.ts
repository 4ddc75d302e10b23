// Which traces are recorded: the samplers that OpenTelemetry names,
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
import { CellwallError } from '../lib/errors.ts';
import type { SpanContext } from '../lib/traceparent.ts';

/** `parent`: of whoever asked for what is traced. */
export type Sampler = (traceId: string, parent: SpanContext | undefined) => boolean;

export const samplerNames = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** As in `parentbased_traceidratio=0.1`. Throws `invalid_argument`. */
export function parseSampler(text: string): Sampler {
  const [name = '', arg] = text.split('=', 2);
  const known = samplerNames.find((one) => one === name.trim());
  if (known === undefined) throw refused(`no sampler: ${JSON.stringify(name)}`);
  const own = ownOf(known, arg);
  return known.startsWith('parentbased_') ? (traceId, parent) => parent?.sampled ?? own(traceId) : own;
}

function ownOf(name: (typeof samplerNames)[number], arg: string | undefined): (traceId: string) => boolean {
  if (name.endsWith('always_on')) return () => true;
  if (name.endsWith('always_off')) return () => false;
  const ratio = arg === undefined || arg.trim() === '' ? 1 : Number(arg);
  if (!(ratio >= 0 && ratio <= 1)) throw refused(`no share between 0 and 1: ${JSON.stringify(arg)}`);
  // The last 56 bits are random (W3C Trace Context, level 2): all programs that ask for the same share choose the same traces.
  return (traceId) => Number.parseInt(traceId.slice(-14), 16) < ratio * 2 ** 56;
}

function refused(message: string): CellwallError {
  return new CellwallError('invalid_argument', message, {
    hint: `one of ${samplerNames.join(', ')}; a share as in traceidratio=0.1`,
  });
}
