// What all that is sent to collectors of OpenTelemetry has in common: attributes, and what an answer says of them.
// OTLP over HTTP as JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

import { clip } from './clip.ts';

export type OtlpValue = string | number | boolean | readonly string[];
/** What has no value is left out. */
export type OtlpFields = Readonly<Record<string, OtlpValue | undefined>>;

type AnyValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly boolValue: boolean }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } };

export interface OtlpAttribute {
  readonly key: string;
  readonly value: AnyValue;
}

/** Of the texts in attributes, some are what others chose. */
const [longestText, longestList] = [1000, 50];

export function attributesOf(fields: OtlpFields): readonly OtlpAttribute[] {
  return Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: anyValue(value) }],
  );
}

function anyValue(value: OtlpValue): AnyValue {
  if (typeof value === 'string') return { stringValue: clip(value, longestText) };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value !== 'number') return { arrayValue: { values: value.slice(0, longestList).map(anyValue) } };
  // 64-bit integers are texts.
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/**
 * `http://127.0.0.1:4318` → `http://127.0.0.1:4318/v1/traces`, behind a path that is there already and before a query; many write that
 * ending themselves. `base`: an http or https address.
 */
export function signalUrl(base: string, signal: 'logs' | 'traces'): string {
  const url = new URL(base);
  const path = url.pathname.replace(/\/+$/, '');
  const end = `/v1/${signal}`;
  url.pathname = path.endsWith(end) ? path : `${path}${end}`;
  return url.href;
}

export interface Rejected {
  readonly rejected: number;
  readonly reason: string;
}

/** Of what it accepted a collector may have rejected a part, which must not be sent again. The answer is hostile. */
export function rejectedIn(answer: string, field: 'rejectedLogRecords' | 'rejectedSpans'): Rejected | undefined {
  try {
    const { partialSuccess } = Object(JSON.parse(answer));
    const { [field]: count, errorMessage = '' } = Object(partialSuccess);
    const rejected = Number(count);
    if (!Number.isSafeInteger(rejected) || rejected <= 0) return undefined;
    return { rejected, reason: clip(String(errorMessage), 500) };
  } catch {
    // An empty answer, or one that is no JSON, is a success as well.
    return undefined;
  }
}
