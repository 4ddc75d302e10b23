// A service with several ports: in the demo, whose Topology Service has two, and in tests of its own.
import { z } from 'zod';
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';
import { runDemo } from '../support/run-demo.ts';

const ports = ['topology-service:grpc', 'topology-service:rest'] as const;
const decisionsSchema = z.object({
  decisions: z.record(z.string(), z.object({ allowed: z.array(z.string()), denied: z.array(z.string()) })),
});
const recordedSchema = z.object({ recorded: z.record(z.string(), z.int()) });
/** What one port allows and the other denies: of the same caller, or the same operation. */
const apart = [
  ['http-router classifies over REST', 'http-router classifies over gRPC'],
  ['cell-1 begins a claim', 'cell-1 begins a claim over REST'],
] as const;

const demo: Item = {
  name: 'ports',
  line: 'The demo with a two-port Topology Service: one identity and one sidecar, gRPC for the cells and REST for the HTTP Router',
  bound:
    'every step holds; both ports are called and recorded, each by its own callers; each allows what the other denies, on the ' +
    'wire and in `explain`; the gate names the port',
  async run(context) {
    const { ok, steps, envoys } = await runDemo(context, { flags: ['--quick'] });
    const find = (name: string): unknown => steps.find((step) => step.name === name);
    const { decisions } = decisionsSchema.parse(find('authorization'));
    const { recorded } = recordedSchema.parse(find('every-caller-moves'));
    const figures: Record<string, number> = { steps: steps.filter((step) => step.ok).length };
    for (const port of ports) {
      figures[`${port} callers recorded`] = recorded[port] ?? 0;
      figures[`${port} allowed`] = decisions[port]?.allowed.length ?? 0;
      figures[`${port} denied`] = decisions[port]?.denied.length ?? 0;
    }
    const all = Object.values(decisions);
    const judgedApart = apart.filter(
      ([here, there]) =>
        all.some(({ allowed }) => allowed.includes(here)) && all.some(({ denied }) => denied.includes(there)),
    ).length;
    const whole = ok && steps.length === 11 && Object.values(figures).every((figure) => figure > 0);
    return {
      ok: whole && judgedApart === apart.length && envoys?.updateRejected === 0,
      figures: { ...figures, judgedApart, envoys: envoys?.envoys ?? 0 },
    };
  },
};

const rules = fromTests({
  name: 'ports-apart',
  line:
    'A service with a gRPC, a REST and a TCP port, each with rules of its own: on real Envoys, with sidecars and a control plane; ' +
    'documents that are wrong about ports',
  bound:
    'a deny at one port touches no other; record, coverage, gate, explain, endpoints and status are of each port; unknown, double ' +
    'and ambiguous names are told at their line, with a hint',
  files: [
    'test/policy/several-ports.test.ts',
    'test/translate/two-ports.test.ts',
    'test/serve/several-ports.test.ts',
    'test/control/cut-over-ports.test.ts',
    'test/observe/coverage.test.ts',
  ],
  limitMinutes: 5,
});

export const portsItems: readonly Item[] = [demo, rules];
