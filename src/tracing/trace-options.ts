// Where traces go, and which: flags of `serve`, else the variables of OpenTelemetry, which platforms set for every program
// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). What a flag says must be right; a variable that cannot be used is told of
// and ignored, as OpenTelemetry wants it: nobody's control plane stays down for its traces.

import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { isLoopback } from '../lib/loopback.ts';
import { type OtlpFields, signalUrl } from '../lib/otlp.ts';
import { Redacted } from '../lib/redacted.ts';
import { parseSampler } from './sampler.ts';

export interface TracingOptions {
  /** Of the collector, with its path. Absent: nothing is traced. */
  readonly url?: string;
  /** As sent. */
  readonly headers: Redacted<Readonly<Record<string, string>>>;
  /** A file with headers as `OTEL_EXPORTER_OTLP_HEADERS` has them, in place of these. */
  readonly headersFile?: string;
  /** PEM file of the collector's CA. Default: the system's. */
  readonly caFile?: string;
  readonly timeoutMs: number;
  /** As `parseSampler` takes it. */
  readonly sampler: string;
  /** What the spans are of. */
  readonly resource: OtlpFields;
  /** Variables that are not used, and why. */
  readonly ignored: readonly string[];
}

export interface TracingFlags {
  readonly traceEndpoint?: string;
  readonly traceHeadersFile?: string;
  readonly traceCa?: string;
  readonly traceSampler?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Undefined: nothing of it is set. Throws `invalid_argument` for a flag. */
export function tracingOptions(flags: TracingFlags, env: Env): TracingOptions | undefined {
  const ignored: string[] = [];
  const set = (name: string): string | undefined => (env[name]?.trim() === '' ? undefined : env[name]?.trim());
  /** That of traces before that of all signals. */
  const otlp = (name: string): readonly [string, string] | undefined => {
    for (const full of [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`]) {
      const value = set(full);
      if (value !== undefined) return [full, value];
    }
    return undefined;
  };
  const usable = <T>(found: readonly [string, string] | undefined, read: (text: string) => T): T | undefined => {
    if (found === undefined) return undefined;
    const [name, text] = found;
    try {
      return read(text);
    } catch (reason) {
      ignored.push(`${name}: ${CellwallError.from(reason).message}`);
      return undefined;
    }
  };
  const flagged = flags.traceEndpoint === undefined ? undefined : readFlag('--trace-endpoint', flags.traceEndpoint);
  const isOff = set('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || set('OTEL_TRACES_EXPORTER') === 'none';
  const named = flagged ?? (isOff ? undefined : endpointOf(otlp('ENDPOINT'), usable, set));
  const headersFile = flags.traceHeadersFile;
  const caFile = flags.traceCa ?? otlp('CERTIFICATE')?.[1];
  const timeoutMs = usable(otlp('TIMEOUT'), readTimeout) ?? 10_000;
  const headers = headersFile === undefined ? (usable(otlp('HEADERS'), readHeaders) ?? {}) : {};
  const found = set('OTEL_TRACES_SAMPLER');
  const arg = set('OTEL_TRACES_SAMPLER_ARG');
  const fromEnv = usable(
    found === undefined ? undefined : ['OTEL_TRACES_SAMPLER', arg === undefined ? found : `${found}=${arg}`],
    readSampler,
  );
  const sampler =
    flags.traceSampler === undefined ? (fromEnv ?? 'parentbased_always_on') : readSampler(flags.traceSampler);
  const resource = {
    ...usable(pair('OTEL_RESOURCE_ATTRIBUTES', set), readPairs),
    ...defined({ 'service.name': set('OTEL_SERVICE_NAME') }),
  };
  if (named === undefined && ignored.length === 0) return undefined;
  const protocol = otlp('PROTOCOL');
  if (named !== undefined && protocol !== undefined && protocol[1] !== 'http/json') {
    ignored.push(`${protocol[0]}: ${JSON.stringify(protocol[1])}: traces are sent as http/json`);
  }
  const url = guarded(named, {
    isSecret: headersFile !== undefined || Object.keys(headers).length > 0,
    isFlag: flags.traceEndpoint !== undefined,
    ignored,
  });
  return {
    ...{ headers: new Redacted(headers), timeoutMs, sampler, resource, ignored },
    ...defined({ url, headersFile, caFile }),
  };
}

function pair(name: string, set: (name: string) => string | undefined): readonly [string, string] | undefined {
  const value = set(name);
  return value === undefined ? undefined : [name, value];
}

/** `OTEL_EXPORTER_OTLP_ENDPOINT` is a base; that of traces is used as it is. Neither, and an exporter is named: that of this host. */
function endpointOf(
  found: readonly [string, string] | undefined,
  usable: <T>(found: readonly [string, string] | undefined, read: (text: string) => T) => T | undefined,
  set: (name: string) => string | undefined,
): string | undefined {
  if (found === undefined)
    return set('OTEL_TRACES_EXPORTER') === 'otlp' ? readBase('http://127.0.0.1:4318') : undefined;
  return usable(found, found[0] === 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT' ? readUrl : readBase);
}

/** With the path of traces. Throws `invalid_argument`. */
function readBase(text: string): string {
  return signalUrl(readUrl(text), 'traces');
}

/** As `readBase`. */
function readFlag(name: string, text: string): string {
  try {
    return readBase(text);
  } catch (reason) {
    throw new CellwallError('invalid_argument', `${name}: ${CellwallError.from(reason).message}`);
  }
}

/** Throws without the text: passwords may be in it. */
function readUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new CellwallError('invalid_argument', 'not an http or https address');
  }
  if (url.username !== '' || url.password !== '') {
    throw new CellwallError('invalid_argument', 'names and passwords do not belong into addresses: use a header');
  }
  return text;
}

/** What is secret is not sent in plaintext. */
function guarded(
  url: string | undefined,
  { isSecret, isFlag, ignored }: { readonly isSecret: boolean; readonly isFlag: boolean; readonly ignored: string[] },
): string | undefined {
  if (url === undefined || !isSecret || url.startsWith('https:')) return url;
  if (isLoopback(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'))) return url;
  const why = 'headers for the collector of traces would be sent in plaintext: https is needed';
  if (isFlag) throw new CellwallError('invalid_argument', why);
  ignored.push(why);
  return undefined;
}

export function readSampler(text: string): string {
  parseSampler(text);
  return text;
}

function readTimeout(text: string): number {
  const ms = Number(text);
  if (Number.isInteger(ms) && ms > 0 && ms <= 60_000) return ms;
  throw new CellwallError('invalid_argument', 'not from 1 to 60000 milliseconds');
}

/** `name=value,name=value`, with values encoded as in a URL. Throws without the values, which are secrets. */
export function readHeaders(text: string): Readonly<Record<string, string>> {
  const headers = readPairs(text);
  for (const [name, value] of Object.entries(headers)) {
    if (/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name) && /^[\x20-\x7e]*$/.test(value)) continue;
    throw new CellwallError('invalid_argument', 'a name or value that no header may have');
  }
  return headers;
}

const mostPairs = 64;

function readPairs(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').flatMap((one): readonly (readonly [string, string])[] => {
    if (one.trim() === '') return [];
    const at = one.indexOf('=');
    if (at <= 0) throw new CellwallError('invalid_argument', 'not a list of name=value');
    return [[one.slice(0, at).trim(), decoded(one.slice(at + 1).trim())]];
  });
  if (pairs.length > mostPairs) throw new CellwallError('invalid_argument', `more than ${mostPairs} of them`);
  return Object.fromEntries(pairs);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new CellwallError('invalid_argument', 'a value is not encoded as in a URL');
  }
}
