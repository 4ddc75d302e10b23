// The property that makes `explain` worth asking: random documents and requests, decided by explain and by real Envoys that
// run what the real pipeline made of the documents, never come apart.
import { X509Certificate } from 'node:crypto';
import { constrainCa } from '../../src/identity/legacy/constrain.ts';
import { parseDocuments } from '../../src/model/parse.ts';
import type { TrustDomain } from '../../src/model/spiffe-id.ts';
import { explain } from '../../src/policy/decide/explain.ts';
import type { AccessRequest } from '../../src/policy/decide/request.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { resolve } from '../../src/policy/resolve/resolve.ts';
import { createTestCa, type TestCa, type TestCertificate } from '../support/test-ca.ts';
import { startFleetOfWalls } from './explain/fleet-of-walls.ts';
import { callerOf, type Matcher, matchers, matchersOf } from './explain/matchers.ts';
import { createRandom } from './explain/random.ts';
import { type GeneratedMesh, randomMesh, trustDomain } from './explain/random-documents.ts';
import { type GeneratedCaller, type GeneratedRequest, randomRequest } from './explain/random-requests.ts';
import { startRecordingBackends } from './explain/recording-backends.ts';
import { sendRequest } from './explain/send-request.ts';
import { createTokens } from './explain/tokens.ts';

export interface ExplainPropertyOptions {
  readonly decisions: number;
  readonly seed: number;
  /** Requests between two sets of documents. Default 120. */
  readonly perRound?: number;
  readonly progress?: (text: string) => void;
}

export interface ExplainPropertyResult {
  readonly decisions: number;
  readonly allowed: number;
  readonly denied: number;
  readonly disagreements: readonly Disagreement[];
  readonly matchersHit: Readonly<Record<Matcher, number>>;
  /** Matchers that no decision went through. */
  readonly uncovered: readonly Matcher[];
}

export interface Disagreement {
  readonly request: GeneratedRequest;
  readonly explained: string;
  readonly observed: string;
  /** The documents, to repeat it. */
  readonly documents: string;
}

const parallel = 8;

export async function runExplainProperty(options: ExplainPropertyOptions): Promise<ExplainPropertyResult> {
  const { decisions, seed, perRound = 120, progress = () => undefined } = options;
  const random = createRandom(seed);
  const [ca, foreign, legacy] = await Promise.all([createTestCa('td1'), createTestCa('td2'), createTestCa('legacy')]);
  const anchor = constrainCa(new X509Certificate(legacy.root).raw, trustDomain);
  const bundles = { roots: ca.root, legacyAnchors: new Map([['old', anchor]]), foreign: foreignRoots(foreign) };
  const certificateOf = createCertificates(ca, foreign, legacy);
  const tokens = createTokens();
  const backends = await startRecordingBackends();
  const hits = Object.fromEntries(matchers.map((matcher) => [matcher, 0])) as Record<Matcher, number>;
  const disagreements: Disagreement[] = [];
  let [done, allowed] = [0, 0];

  let documents = randomMesh(random, legacy.root, tokens, foreign.root);
  const fleet = await startFleetOfWalls({ mesh: meshOf(documents), ca, bundles, applications: backends }).catch(
    async (reason: unknown) => {
      await backends.stop();
      throw reason;
    },
  );
  const decideOne = async (mesh: MeshIr, request: GeneratedRequest, number: string): Promise<void> => {
    const caller = callerOf(request);
    const { decision } = explain(mesh, {
      ...targetOf(request.target),
      caller,
      ...operationOf(request),
    });
    const tls = await certificateOf(request.caller);
    const seen = await sendRequest({
      port: fleet.port(request.target),
      number,
      request,
      ...(tls === undefined ? {} : { tls }),
      ...(request.caller.token === undefined ? {} : { header: tokens.header(request.caller.token) }),
    });
    const observed = backends.reached.delete(number) ? 'allowed' : 'denied';
    if (observed === 'allowed') allowed++;
    for (const matcher of matchersOf(documents, request, caller, decision)) hits[matcher]++;
    if (observed === decision.outcome) return;
    disagreements.push({
      request,
      explained: `${decision.outcome} at ${decision.stage}: ${decision.reason}`,
      observed: `${observed}: ${seen}`,
      documents: documents.text,
    });
  };
  try {
    while (done < decisions) {
      const mesh = meshOf(documents);
      await fleet.push(mesh);
      const requests = Array.from({ length: Math.min(perRound, decisions - done) }, () =>
        randomRequest(random, documents),
      );
      for (let at = 0; at < requests.length; at += parallel) {
        const batch = requests.slice(at, at + parallel);
        await Promise.all(batch.map((request, index) => decideOne(mesh, request, String(done + at + index))));
      }
      done += requests.length;
      progress(`${done} decisions, ${allowed} allowed, ${disagreements.length} disagreements`);
      documents = randomMesh(random, legacy.root, tokens, foreign.root);
    }
  } finally {
    await fleet.stop();
    await backends.stop();
  }
  return {
    decisions: done,
    allowed,
    denied: done - allowed,
    disagreements,
    matchersHit: hits,
    uncovered: matchers.filter((matcher) => hits[matcher] === 0),
  };
}

function meshOf({ text }: GeneratedMesh): MeshIr {
  const parsed = parseDocuments(text, 'generated.yaml');
  if (parsed.kind === 'invalid') throw new Error(`generated what does not parse: ${JSON.stringify(parsed.problems)}`);
  const resolution = resolve(parsed.documents);
  if (resolution.kind === 'resolved') return resolution.mesh;
  throw new Error(`generated what does not resolve: ${JSON.stringify(resolution.problems)}`);
}

function targetOf(key: string): Pick<AccessRequest, 'target' | 'port'> {
  const [service = '', port] = key.split(':');
  return { target: service as ServiceKey, port: port ?? 'default' };
}

function operationOf({ grpc, method, path, cellId }: GeneratedRequest): Partial<AccessRequest> {
  if (!grpc || method !== 'POST' || !path.startsWith('/')) return { method, path };
  return { grpc: path.slice(1), ...(cellId === undefined ? {} : { cellId }) };
}

type Presented = { readonly certificate?: TestCertificate } | undefined;

export function foreignRoots({ root }: TestCa): ReadonlyMap<TrustDomain, string> {
  return new Map([['td2' as TrustDomain, root]]);
}

/** What each caller shows in the handshake; undefined is plaintext. Certificates are made once. */
export function createCertificates(
  ca: TestCa,
  foreign: TestCa,
  legacy: TestCa,
): (caller: GeneratedCaller) => Promise<Presented> {
  const made = new Map<string, Promise<TestCertificate>>();
  const once = (key: string, make: () => Promise<TestCertificate>): Promise<TestCertificate> => {
    const known = made.get(key) ?? make();
    made.set(key, known);
    return known;
  };
  return async (caller) => {
    if (caller.kind === 'id') {
      const issuer = caller.id.startsWith(`spiffe://${trustDomain}/`) ? ca : foreign;
      return { certificate: await once(caller.id, () => issuer.issue({ uri: caller.id })) };
    }
    switch (caller.via) {
      case 'plaintext':
        return undefined;
      case 'one-way-tls':
        return {};
      case 'legacy':
        return { certificate: await once('legacy', () => legacy.issue({ dns: ['cell-1.legacy.example'] })) };
      default:
        return caller.via satisfies never;
    }
  };
}
