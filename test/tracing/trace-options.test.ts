// Where traces go: flags before variables, those of traces before those of all signals; what is secret is neither printed nor sent in
// plaintext.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tracingOptions } from '../../src/tracing/trace-options.ts';

const at = 'https://collector.example:4318';

describe('traces are set up', () => {
  it('by nothing: there are none', () => {
    expect(tracingOptions({}, {})).toBeUndefined();
    expect(
      tracingOptions(
        {},
        { OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on', OTEL_EXPORTER_OTLP_ENDPOINT: ' ' },
      ),
    ).toBeUndefined();
  });

  it('by the variables of OpenTelemetry', () => {
    const found = tracingOptions(
      {},
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: `${at}/base/`,
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20t0ken,x-scope=a=b',
        OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
        OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca.pem',
        OTEL_TRACES_SAMPLER: 'traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.25',
        OTEL_SERVICE_NAME: 'cellwall-eu',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,service.name=other',
      },
    );
    expect(found).toMatchObject({
      ...{ url: `${at}/base/v1/traces`, caFile: '/ca.pem', timeoutMs: 2500, sampler: 'traceidratio=0.25', ignored: [] },
      resource: { 'deployment.environment.name': 'prod', 'service.name': 'cellwall-eu' },
    });
    expect(found?.headers.reveal()).toEqual({ authorization: 'Bearer t0ken', 'x-scope': 'a=b' });
    expect(inspect(found, { depth: 9 }) + JSON.stringify(found)).not.toContain('t0ken');
  });

  it('by those of traces rather than those of all signals, and by flags rather than both', () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:2/as/it/is',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=2',
      OTEL_TRACES_SAMPLER: 'always_off',
    };
    const found = tracingOptions({}, env);
    expect(found).toMatchObject({ url: 'http://127.0.0.1:2/as/it/is', sampler: 'always_off' });
    expect(found?.headers.reveal()).toEqual({ b: '2' });
    const flags = {
      traceEndpoint: at,
      traceSampler: 'always_on',
      traceHeadersFile: '/h',
      traceCa: '/c',
    };
    const flagged = tracingOptions(flags, env);
    expect(flagged).toMatchObject({ url: `${at}/v1/traces`, sampler: 'always_on', headersFile: '/h', caFile: '/c' });
    expect(flagged?.headers.reveal()).toEqual({});
  });

  it('with the path of traces once, whoever wrote it', () => {
    const wanted = `${at}/v1/traces`;
    for (const given of [at, `${at}/`, wanted, `${wanted}/`]) {
      expect(tracingOptions({}, { OTEL_EXPORTER_OTLP_ENDPOINT: given })?.url).toBe(wanted);
      expect(tracingOptions({ traceEndpoint: given }, {})?.url).toBe(wanted);
    }
    expect(tracingOptions({ traceEndpoint: `${at}/a?key=b` }, {})?.url).toBe(`${at}/a/v1/traces?key=b`);
  });

  it('by the name of the exporter alone: the collector of this host', () => {
    expect(tracingOptions({}, { OTEL_TRACES_EXPORTER: 'otlp' })?.url).toBe('http://127.0.0.1:4318/v1/traces');
  });

  it('not if a variable says so, unless a flag says where', () => {
    for (const off of [{ OTEL_SDK_DISABLED: 'TRUE' }, { OTEL_TRACES_EXPORTER: 'none' }]) {
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: at, ...off };
      expect(tracingOptions({}, env)?.url).toBeUndefined();
      expect(tracingOptions({ traceEndpoint: at }, env)?.url).toBe(`${at}/v1/traces`);
    }
  });

  it('not by variables that cannot be used: those are told, without what they say', () => {
    const secret = 's3cret';
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `ftp://user:${secret}@host`,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=%E0%A4%A${secret}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '-1',
      OTEL_TRACES_SAMPLER: 'jaeger_remote',
    };
    const found = tracingOptions({}, env);
    expect(found).toMatchObject({ timeoutMs: 10_000, sampler: 'parentbased_always_on' });
    expect(found?.url).toBeUndefined();
    expect(found?.ignored).toHaveLength(4);
    expect(JSON.stringify(found)).not.toContain(secret);
    const grpc = tracingOptions({}, { OTEL_EXPORTER_OTLP_ENDPOINT: at, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    expect(grpc?.ignored[0]).toContain('traces are sent as http/json');
  });

  it('without headers in plaintext, but on this host', () => {
    const headers = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=x' };
    const open = tracingOptions({}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318', ...headers });
    expect(open?.url).toBeUndefined();
    expect(open?.ignored[0]).toContain('plaintext');
    for (const here of ['http://127.0.0.1:4318', 'http://[::1]:4318', 'http://localhost:4318']) {
      expect(tracingOptions({}, { OTEL_EXPORTER_OTLP_ENDPOINT: here, ...headers })?.url).toBe(`${here}/v1/traces`);
    }
    const flags = { traceEndpoint: 'http://collector.example', traceHeadersFile: '/h' };
    expect(() => tracingOptions(flags, {})).toThrow(/plaintext/);
  });

  it('never with a header that splits a request, whatever variables say', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const found = tracingOptions({}, { OTEL_EXPORTER_OTLP_ENDPOINT: at, OTEL_EXPORTER_OTLP_HEADERS: text });
        for (const [name, value] of Object.entries(found?.headers.reveal() ?? {})) {
          expect(name).toMatch(/^[^\s:]+$/);
          expect(value).toMatch(/^[\x20-\x7e]*$/);
        }
      }),
    );
    const split = tracingOptions({}, { OTEL_EXPORTER_OTLP_ENDPOINT: at, OTEL_EXPORTER_OTLP_HEADERS: 'a=b%0d%0ac: d' });
    expect(split?.headers.reveal()).toEqual({});
  });
});
