// Recorded, simulated, enforced: random requests at real Envoys under one set of documents, recorded from their access logs; the record
// replayed against another set; that set pushed, and the same requests sent again. What was foretold must be what happens.
import { X509Certificate } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { constrainCa } from '../../../src/identity/legacy/constrain.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { parseDocuments } from '../../../src/model/parse.ts';
import type { TrustDomain } from '../../../src/model/spiffe-id.ts';
import { createAccessLogService } from '../../../src/observe/access-log-service.ts';
import { createIntake } from '../../../src/observe/intake.ts';
import { createLossyIntake } from '../../../src/observe/lossy-intake.ts';
import { createTraffic } from '../../../src/observe/traffic.ts';
import type { TrafficCount } from '../../../src/observe/traffic-count.ts';
import { canonicalPath } from '../../../src/policy/decide/path.ts';
import type { MeshIr, ServiceKey } from '../../../src/policy/ir.ts';
import { allPorts, portOf } from '../../../src/policy/ports.ts';
import { createDecideRecorded } from '../../../src/policy/replay/decide-recorded.ts';
import { createPathRecorder } from '../../../src/policy/replay/recorded-path.ts';
import { resolve } from '../../../src/policy/resolve/resolve.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { startFleetOfWalls } from '../explain/fleet-of-walls.ts';
import { createRandom, type Random } from '../explain/random.ts';
import { randomMesh, trustDomain } from '../explain/random-documents.ts';
import { type GeneratedRequest, randomRequest } from '../explain/random-requests.ts';
import { startRecordingBackends } from '../explain/recording-backends.ts';
import { sendRequest } from '../explain/send-request.ts';
import { createTokens } from '../explain/tokens.ts';
import { createCertificates, foreignRoots } from '../explain-property.ts';

export interface Agreement {
  /** Requests whose second sending was foretold. */
  readonly foretold: number;
  readonly changed: number;
  readonly cannotTell: number;
  readonly apart: readonly string[];
}

const parallel = 8;

export async function runSimulationAgreement({
  foretold: wanted,
  seed,
  perRound = 150,
}: {
  readonly foretold: number;
  readonly seed: number;
  readonly perRound?: number;
}): Promise<Agreement> {
  const random = createRandom(seed);
  const [ca, foreign, legacy] = await Promise.all([createTestCa('td1'), createTestCa('td2'), createTestCa('legacy')]);
  const anchor = constrainCa(new X509Certificate(legacy.root).raw, trustDomain);
  const certificateOf = createCertificates(ca, foreign, legacy);
  const tokens = createTokens();
  const backends = await startRecordingBackends();
  const keep = createPathRecorder();
  let traffic = createTraffic({ clock: systemClock });
  let mesh = meshOf(randomMesh(random, legacy.root, tokens, foreign.root).text);
  const accessLog = createAccessLogService({
    traffic: { record: (call, count) => traffic.record(call, count) },
    intake: createIntake(systemClock),
    lossyIntake: createLossyIntake(systemClock),
    log: silentLog,
    trustDomain: () => trustDomain as TrustDomain,
    federated: (id) => portOf(mesh, id as ServiceKey)?.federated ?? [],
    serviceOfPeer: (_, nodeId) => [...allPorts(mesh)].find((one) => nodeId.startsWith(`${one.spiffeId}~`))?.key,
    keepPath: (name, path) => {
      const service = portOf(mesh, name as ServiceKey);
      return service === undefined ? undefined : keep(service, path);
    },
    onBroken: () => undefined,
  });
  const fleet = await startFleetOfWalls({
    mesh,
    ca,
    bundles: { roots: ca.root, legacyAnchors: new Map([['old', anchor]]), foreign: foreignRoots(foreign) },
    applications: backends,
    services: [accessLog],
  });
  let number = 0;
  const send = async (requests: readonly GeneratedRequest[]): Promise<readonly boolean[]> => {
    const reached: boolean[] = [];
    for (let at = 0; at < requests.length; at += parallel) {
      const batch = requests.slice(at, at + parallel).map(async (request, index) => {
        const id = String(number++);
        const tls = await certificateOf(request.caller);
        await sendRequest({
          port: fleet.port(request.target),
          number: id,
          request,
          ...(tls === undefined ? {} : { tls }),
          ...(request.caller.token === undefined ? {} : { header: tokens.header(request.caller.token) }),
        });
        reached[at + index] = backends.reached.delete(id);
      });
      await Promise.all(batch);
    }
    return reached;
  };
  const result = { foretold: 0, changed: 0, cannotTell: 0, apart: [] as string[] };
  try {
    while (result.foretold < wanted) {
      const documents = randomMesh(random, legacy.root, tokens, foreign.root);
      const next = changed(random, documents.text);
      mesh = meshOf(documents.text);
      traffic = createTraffic({ clock: systemClock });
      await fleet.push(mesh);
      const requests = Array.from({ length: perRound }, () => randomRequest(random, documents));
      const before = await send(requests);
      const recorded = await settled(() => traffic.counts());
      const old = mesh;
      const calls = requests.map((request) => recorded.find((call) => isOf(call, request, old, keep)));
      mesh = next.mesh;
      await fleet.push(mesh);
      const after = await send(requests);
      for (const [index, call] of calls.entries()) {
        const request = requests[index];
        const service = request === undefined ? undefined : portOf(mesh, String(request.target) as ServiceKey);
        if (call === undefined || service === undefined) continue;
        const { outcome } = createDecideRecorded(mesh, service)(call);
        if (outcome === 'unknown') {
          result.cannotTell++;
          continue;
        }
        result.foretold++;
        if (before[index] !== after[index]) result.changed++;
        if ((outcome === 'allowed') !== after[index]) {
          result.apart.push(`${JSON.stringify(request)}: foretold ${outcome}; ${documents.text}\n=> ${next.text}`);
        }
      }
    }
  } finally {
    await fleet.stop();
    await backends.stop();
  }
  return result;
}

/** Once nothing was added for longer than proxies keep entries. */
async function settled(counts: () => readonly TrafficCount[]): Promise<readonly TrafficCount[]> {
  const sum = (): number => counts().reduce((total, { count }) => total + count, 0);
  for (let last = -1; last !== sum(); ) {
    last = sum();
    await delay(1500);
  }
  return counts();
}

function isOf(
  call: TrafficCount,
  { target, caller, method, path }: GeneratedRequest,
  mesh: MeshIr,
  keep: ReturnType<typeof createPathRecorder>,
): boolean {
  const service = portOf(mesh, String(target) as ServiceKey);
  if (service === undefined || call.service !== service.key || (call.port ?? 'default') !== service.port) return false;
  if (caller.kind === 'id' ? call.principal !== caller.id : call.caller !== caller.via) return false;
  if (service.protocol === 'tcp') return true;
  const canonical = canonicalPath(path, service.escapedSlashes);
  const query = canonical.kind === 'path' && canonical.query !== undefined ? `?${canonical.query}` : '';
  const kept = canonical.kind === 'rejected' ? { kind: 'odd' } : keep(service, canonical.path + query);
  return call.method === method && JSON.stringify(call.path) === JSON.stringify(kept);
}

/** The documents as somebody would tighten or loosen them: policies enforced, watched only, turned round or gone; modes changed. */
function changed(random: Random, text: string): { readonly text: string; readonly mesh: MeshIr } {
  for (;;) {
    const documents = text.split('---\n').flatMap((document) => {
      if (document.includes('kind: AuthorizationPolicy')) return changedPolicy(random, document);
      if (!document.includes('kind: Service') || !random.chance(0.4)) return [document];
      return [
        document.includes('mode: strict')
          ? document.replace('mode: strict', 'mode: permissive')
          : document.replace(/mode: permissive(, legacyAuthority: old)?/, 'mode: strict'),
      ];
    });
    const next = documents.join('---\n');
    const parsed = parseDocuments(next, 'changed.yaml');
    const resolution = parsed.kind === 'parsed' ? resolve(parsed.documents) : undefined;
    // A turned policy may ask for what a deny may not.
    if (resolution?.kind === 'resolved') return { text: next, mesh: resolution.mesh };
  }
}

function changedPolicy(random: Random, document: string): string[] {
  if (random.chance(0.2)) return [];
  if (random.chance(0.3)) {
    return [
      document.includes(', mode: shadow')
        ? document.replace(', mode: shadow', '')
        : document.replace(/(action: \w+)/, '$1, mode: shadow'),
    ];
  }
  if (random.chance(0.2)) {
    return [
      document.includes('action: allow')
        ? document.replace('action: allow', 'action: deny')
        : document.replace('action: deny', 'action: allow'),
    ];
  }
  return [document];
}

function meshOf(text: string): MeshIr {
  const parsed = parseDocuments(text, 'generated.yaml');
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.problems));
  const resolution = resolve(parsed.documents);
  if (resolution.kind === 'resolved') return resolution.mesh;
  throw new Error(JSON.stringify(resolution.problems));
}
