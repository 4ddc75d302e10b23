// Traces, as people meet them on the command line: the id of the one that an apply is, and where serve sends them.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ServeOptions } from '../../src/serve/serve-options.ts';
import { createChangeTraces } from '../../src/tracing/change-traces.ts';
import { parseSampler } from '../../src/tracing/sampler.ts';
import { createTracer } from '../../src/tracing/tracer.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';

const traceId = '1234567890abcdef'.repeat(2);
const parent = (flags: string): string => `00-${traceId}-${'b'.repeat(16)}-${flags}`;
let admin: AdminHarness;

const start = async (): Promise<void> => {
  const clock = createFakeClock();
  const tracer = createTracer({ sampler: parseSampler('parentbased_always_on'), clock, ended() {} });
  admin = await startAdmin({ traces: createChangeTraces({ tracer, clock }) });
};
const apply = (more: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> => {
  const where = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
  const stdin = yaml(meshText(), serviceText('api'));
  return runCli(['apply', '-f', '-', ...more], { env: { ...where, ...env }, stdin, clock: admin.clock });
};

beforeEach(start);
afterEach(() => admin.close());

it('an apply says of which trace it is: that of TRACEPARENT, or one of its own', async () => {
  expect((await apply([], { TRACEPARENT: parent('01') })).stderr).toContain(`trace ${traceId}\n`);
  const json = await apply(['-o', 'json'], { TRACEPARENT: parent('01') });
  expect(JSON.parse(json.stdout)).toMatchObject({ traceId });
  for (const TRACEPARENT of ['', 'nonsense', `${parent('01')}\r\nauthorization: x`]) {
    const { stderr, code } = await apply([], { TRACEPARENT });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^trace [0-9a-f]{32}$/m);
    expect(stderr).not.toContain(traceId);
  }
});

it('says nothing of one that is not recorded', async () => {
  expect((await apply([], { TRACEPARENT: parent('00') })).stderr).not.toContain('trace');
  await admin.close();
  admin = await startAdmin();
  expect((await apply([], { TRACEPARENT: parent('01') })).stderr).not.toContain('trace');
});

it('serve sends them where flags say, else the variables of OpenTelemetry, else nowhere', async () => {
  let tracing: ServeOptions['tracing'];
  const serve = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> => {
    tracing = undefined;
    return runCli(['serve', '--documents', import.meta.dirname, '--data', '/data', ...args], {
      env,
      run: {
        async serve(options) {
          ({ tracing } = options);
          return 0;
        },
      },
    });
  };
  const plain = await serve([]);
  expect(plain.stderr).toBe('');
  expect(plain.code).toBe(0);
  expect(tracing).toBeUndefined();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a.example', CELLWALL_TRACE_SAMPLER: 'traceidratio=0.5' };
  await serve([], env);
  expect(tracing).toMatchObject({ url: 'https://a.example/v1/traces', sampler: 'traceidratio=0.5' });
  await serve(['--trace-endpoint', 'http://127.0.0.1:4318', '--trace-sampler', 'always_on'], env);
  expect(tracing).toMatchObject({ url: 'http://127.0.0.1:4318/v1/traces', sampler: 'always_on' });
  for (const bad of [
    ['--trace-endpoint', 'collector:4318'],
    ['--trace-endpoint', 'https://user:password@a.example'],
    ['--trace-sampler', 'most'],
    ['--trace-endpoint', 'http://a.example', '--trace-headers-file', '/h'],
  ]) {
    const { code, stderr } = await serve(bad);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: /);
    expect(stderr).not.toContain('password@');
  }
  await serve([], { OTEL_EXPORTER_OTLP_ENDPOINT: 'nonsense' });
  expect(tracing).toMatchObject({ ignored: [expect.stringContaining('OTEL_EXPORTER_OTLP_ENDPOINT')] });
  expect(tracing?.url).toBeUndefined();
});
