// Traces of changes, and how late what was changed holds: on real control planes, Redis, proxies and Envoys.
import { fromTests } from '../support/from-tests.ts';

export const tracesItem = fromTests({
  name: 'traces',
  line:
    'A change of the documents as one OpenTelemetry trace: from whoever asked for it, over two control planes on a real Redis, to the ' +
    'ACKs of 12 proxies and the NACK of a real Envoy, with document and line; a collector that hangs, asks for patience, refuses, ' +
    'answers nonsense, or is gone; how long changes of files and of other control planes take to be in force',
  bound:
    'every span in its place, as many for 10,000 proxies as for one; nothing where nobody samples; what is dropped is counted, and 2,048 ' +
    'spans wait at most; neither keys nor tokens nor anything out of documents in any of them',
  files: [
    'test/serve/traces.test.ts',
    'test/serve/traces-envoy.test.ts',
    'test/serve/traces-replicas.test.ts',
    'test/tracing/change-traces.test.ts',
    'test/tracing/span-exporter.test.ts',
    'test/tracing/trace-options.test.ts',
    'test/tracing/tracer.test.ts',
    'test/observe/proxy-metrics.test.ts',
    'test/store/edit-lag.test.ts',
    'test/store/read-reply.test.ts',
    'test/cli/traced.test.ts',
  ],
  limitMinutes: 10,
});
