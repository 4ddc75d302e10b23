// How large a state of the documents is: what limits are compared with. Pure; a state is measured once.
import type { MeshIr, ServiceIr } from '../policy/ir.ts';
import type { Judged } from '../store/store.ts';
import type { LimitName } from './limits.ts';

export interface Measure {
  readonly documents: number;
  readonly bytes: number;
  readonly largest: number;
  readonly rules: number;
  /** At the port that has most of them. */
  readonly portRules: number;
  /** Static ones. */
  readonly endpoints: number;
  readonly resources: number;
}

/** What limits are compared with. `growsFrom`: from where on its growth counts; below, a mesh is being built. */
export const sizes: readonly {
  readonly limit: LimitName;
  readonly of: keyof Measure;
  readonly what: string;
  readonly growsFrom?: number;
}[] = [
  { limit: 'documents', of: 'documents', what: 'documents', growsFrom: 50 },
  { limit: 'document-bytes', of: 'largest', what: 'bytes in one document' },
  { limit: 'bytes', of: 'bytes', what: 'bytes of documents', growsFrom: 262_144 },
  { limit: 'rules', of: 'rules', what: 'rules', growsFrom: 200 },
  { limit: 'port-rules', of: 'portRules', what: 'rules at one port', growsFrom: 200 },
  { limit: 'endpoints', of: 'endpoints', what: 'static endpoints', growsFrom: 100 },
  { limit: 'resources', of: 'resources', what: 'ports and dependencies', growsFrom: 200 },
];

type OfService = Pick<Measure, 'rules' | 'portRules' | 'endpoints' | 'resources'>;

const states = new WeakMap<Judged['documents'], Measure>();
const services = new WeakMap<ServiceIr, OfService>();

/** Bytes are characters: what is not ASCII is a little larger. */
export function measure({ documents, mesh }: Pick<Judged, 'documents' | 'mesh'>): Measure {
  const known = states.get(documents);
  if (known !== undefined) return known;
  let [bytes, largest] = [0, 0];
  for (const { text } of documents) {
    bytes += text.length;
    if (text.length > largest) largest = text.length;
  }
  const found = { documents: documents.length, bytes, largest, ...ofMesh(mesh) };
  states.set(documents, found);
  return found;
}

function ofMesh(mesh: MeshIr | undefined): OfService {
  let [rules, portRules, endpoints, resources] = [0, 0, 0, 0];
  for (const service of mesh?.services.values() ?? []) {
    const own = ofService(service);
    rules += own.rules;
    portRules = Math.max(portRules, own.portRules);
    endpoints += own.endpoints;
    resources += own.resources;
  }
  return { rules, portRules, endpoints, resources };
}

/** What did not change is the same object in the next state. */
function ofService(service: ServiceIr): OfService {
  const known = services.get(service);
  if (known !== undefined) return known;
  const counts = service.ports.map(({ authorization: { allow, deny, shadowAllow, shadowDeny } }) => {
    return allow.length + deny.length + shadowAllow.length + shadowDeny.length;
  });
  const endpoints = service.ports.map(({ endpoints: from }) => (from.kind === 'static' ? from.endpoints.length : 0));
  const found = {
    rules: sum(counts),
    portRules: Math.max(0, ...counts),
    endpoints: sum(endpoints),
    resources: service.ports.length + service.dependsOn.length,
  };
  services.set(service, found);
  return found;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
