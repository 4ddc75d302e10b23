// What is wrong in the whole mesh right now: with the control plane, with services whatever their callers, with calls that fail. One fault
// that many calls meet is told once, with those calls. Pure.
import { nameOf, type Side, type Suspicion, type Weight } from '../cause.ts';
import { causeWords } from '../cause-words.ts';
import type { Facts, Unseen } from '../facts.ts';
import { type DiagnosisVerdict, verdictOf } from '../finding.ts';
import { lookAtApplication } from '../look-at-application.ts';
import { lookAtProxies } from '../look-at-proxies.ts';
import { withoutRepeats } from '../without-repeats.ts';
import type { ControlFacts } from './control-facts.ts';
import { lookAtControl } from './look-at-control.ts';

export interface MeshFacts {
  /** The control plane's clock, epoch milliseconds. */
  readonly now: number;
  readonly control: ControlFacts;
  /** Of each port of each service that is to be reached through sidecars: as `diagnose` takes them, without a caller or calls. */
  readonly ports: readonly Facts[];
  /** Of edges whose calls fail, what `diagnose` found, the likeliest first. */
  readonly edges: readonly { readonly call: string; readonly findings: readonly Omit<MeshFinding, 'calls'>[] }[];
  readonly unseen: readonly Unseen[];
}

export interface MeshFinding {
  /** A name of `CauseName`, or of `ControlCauseName`. */
  readonly cause: string;
  readonly weight: Weight;
  readonly what: string;
  readonly toDo: string;
  readonly side?: Side;
  readonly node?: string;
  readonly evidence: readonly string[];
  /** Which calls it breaks, as far as they were made, as in `web -> api`. */
  readonly calls: readonly string[];
}

export interface MeshDiagnosis {
  readonly verdict: DiagnosisVerdict;
  readonly findings: readonly MeshFinding[];
  /** How many more there are. */
  readonly omitted: number;
  readonly checked: readonly string[];
}

/** Nobody reads more at once; what is mended first makes room. */
const mostFindings = 50;
const mostCalls = 5;
const order: readonly Weight[] = ['breaks', 'seen', 'note'];

export function diagnoseMesh(facts: MeshFacts): MeshDiagnosis {
  const { now, control, ports, edges, unseen } = facts;
  const told = new Map<string, MeshFinding>();
  const tell = (finding: Omit<MeshFinding, 'calls'>, call?: string): void => {
    const key = keyOf(finding);
    const known = told.get(key);
    const calls = new Set([...(known?.calls ?? []), ...(call === undefined ? [] : [call])]);
    const worst = known === undefined || heavier(finding.weight, known.weight) ? finding : known;
    told.set(key, { ...worst, calls: [...calls] });
  };
  for (const finding of lookAtControl(control, now)) tell(finding);
  // What calls meet says more than that something could not be met.
  for (const { call, findings } of edges) {
    const [first] = findings;
    if (first !== undefined && first.weight !== 'note') tell(asMeant(first), call);
  }
  for (const port of ports) {
    for (const suspicion of [...lookAtProxies(port), ...lookAtApplication(port)]) tell(findingOf(suspicion));
  }
  const all = withoutRepeats([...told.values()]).map((finding) => ({ ...finding, calls: clipped(finding.calls) }));
  const ordered = order.flatMap((weight) => all.filter((one) => one.weight === weight));
  return {
    verdict: verdictOf([...told.values()], unseen),
    findings: ordered.slice(0, mostFindings),
    omitted: Math.max(0, ordered.length - mostFindings),
    checked: checkedOf(facts, ordered),
  };
}

/** Policy that refuses somebody does its work: the mesh is not broken by it. Whoever asks about that call is told that it is. */
function asMeant(finding: Omit<MeshFinding, 'calls'>): Omit<MeshFinding, 'calls'> {
  return finding.cause === 'denied' ? { ...finding, weight: 'note' } : finding;
}

function findingOf({ cause, weight }: Suspicion): Omit<MeshFinding, 'calls'> {
  return {
    ...{ cause: nameOf(cause), weight, ...causeWords(cause), evidence: [] },
    ...('side' in cause ? { side: cause.side } : {}),
    ...('node' in cause ? { node: cause.node } : {}),
  };
}

/** Times differ from call to call, the remedy does not. */
function keyOf({ cause, node, toDo, what }: Omit<MeshFinding, 'calls'>): string {
  return node === undefined ? `${cause} ${what}` : `${cause} ${node} ${toDo}`;
}

function heavier(one: Weight, other: Weight): boolean {
  return order.indexOf(one) < order.indexOf(other);
}

function clipped(calls: readonly string[]): readonly string[] {
  const rest = calls.length - mostCalls;
  return rest <= 0 ? calls : [...calls.slice(0, mostCalls), `${rest} more`];
}

function checkedOf({ control, ports, edges }: MeshFacts, findings: readonly MeshFinding[]): readonly string[] {
  const services = new Set(ports.map(({ service }) => service.who));
  const proxies = new Set(ports.flatMap(({ service }) => service.proxies.map(({ node }) => node)));
  const ill = new Set(findings.flatMap(({ node }) => (node === undefined ? [] : [node])));
  const well = [...proxies].filter((node) => !ill.has(node)).length;
  return [
    ...(control.ready ? ['the control plane is ready'] : []),
    `${well} of ${counted(proxies.size, 'proxy', 'proxies')} of ${counted(services.size, 'service', 'services')} without a fault`,
    ...(edges.length === 0 ? ['no call is known to have failed within the last minutes'] : []),
  ];
}

function counted(count: number, one: string, several: string): string {
  return `${count} ${count === 1 ? one : several}`;
}
