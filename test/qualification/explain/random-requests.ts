// Random requests: most aim at a rule (its caller, method and path, bent a little), the rest at nothing.

import { bytesField, field, fixed64Field } from '../../support/proto-bytes.ts';
import type { Random } from './random.ts';
import {
  breakGlassId,
  cellFieldOf,
  type GeneratedMesh,
  type GeneratedRule,
  type GeneratedService,
  methods,
  serviceKeys,
  trustDomain,
  workloadIds,
} from './random-documents.ts';
import { aimedToken, type GeneratedToken, randomToken } from './tokens.ts';

export type GeneratedCaller =
  | { readonly kind: 'id'; readonly id: string; readonly token?: GeneratedToken }
  | {
      readonly kind: 'anonymous';
      readonly via: 'plaintext' | 'one-way-tls' | 'legacy';
      readonly token?: GeneratedToken;
    };

export interface GeneratedRequest {
  readonly target: GeneratedService['key'];
  readonly caller: GeneratedCaller;
  readonly transport: 'http/1.1' | 'h2' | 'tcp';
  readonly grpc: boolean;
  readonly method: string;
  /** As on the wire. */
  readonly path: string;
  /** Of gRPC: the message, in hex. */
  readonly message: string;
  /** The `cell_id` that the message states once and well-formed. */
  readonly cellId?: string;
}

export function randomRequest(random: Random, mesh: GeneratedMesh): GeneratedRequest {
  const service = random.pick(mesh.services);
  const rule = service.rules.length > 0 && random.chance(0.85) ? random.pick(service.rules) : undefined;
  const operation = rule !== undefined && rule.to.length > 0 ? random.pick(rule.to) : undefined;
  const grpc =
    operation === undefined
      ? service.protocol === 'grpc' && random.chance(0.5)
      : operation.kinds.some((kind) => kind.startsWith('grpc'));
  const aimed = operation?.methods ?? [];
  const method = grpc ? 'POST' : aimed.length > 0 && random.chance(0.8) ? random.pick(aimed) : random.pick(methods);
  let path =
    operation?.path === undefined
      ? randomTarget(random, service, grpc)
      : instance(random, operation.path, operation.kinds.includes('prefix'));
  if (random.chance(grpc ? 0.15 : 0.3)) path = bend(random, path);
  const ask = (): GeneratedCaller =>
    rule !== undefined && random.chance(0.88) ? callerOf(random, rule, service) : randomCaller(random);
  let caller = ask();
  // Mostly somebody of a cell, where that is what counts.
  const ofCells = operation?.kinds.includes('matching cell') === true;
  for (let again = 0; again < 4 && ofCells && cellOf(caller) === undefined; again++) caller = ask();
  return {
    target: service.key,
    caller,
    transport: transportOf(random, service, grpc),
    grpc,
    method,
    path,
    ...randomMessage(random, caller, path),
  };
}

/** Numbers as in random-documents.ts. */
const cellNumbers = new Map([
  ['cell-1', 1],
  ['cell-10', 2],
]);

function cellOf(caller: GeneratedCaller): number | undefined {
  return cellNumbers.get((caller.kind === 'id' ? /\/cell\/([^/]+)\//.exec(caller.id)?.[1] : undefined) ?? '');
}

function randomMessage(
  random: Random,
  caller: GeneratedCaller,
  path: string,
): Pick<GeneratedRequest, 'message' | 'cellId'> {
  const own = cellOf(caller);
  const number = cellFieldOf(path);
  const cell = own !== undefined && random.chance(0.75) ? own : random.pick([1, 2, 3, 10, 0]);
  const more = random.chance(0.3) ? bytesField(5, 'more') : Buffer.alloc(0);
  if (random.chance(0.7)) {
    const message = Buffer.concat([more, field(number, cell)]);
    return { message: message.toString('hex'), cellId: String(cell) };
  }
  const unreadable = random.pick([
    Buffer.alloc(0),
    Buffer.concat([field(number, cell), field(number, cell)]),
    Buffer.concat([field(number, 3), field(number, cell)]),
    fixed64Field(number, BigInt(cell)),
    Buffer.concat([fixed64Field(number, BigInt(cell)), bytesField(number, String(cell))]),
    bytesField(6, field(number, cell)),
    bytesField(number, String(cell)),
    Buffer.concat([field(number, cell), Buffer.from([0x32, 9])]),
  ]);
  return { message: unreadable.toString('hex') };
}

function transportOf(random: Random, { protocol }: GeneratedService, grpc: boolean): GeneratedRequest['transport'] {
  if (protocol === 'tcp') return 'tcp';
  return grpc || random.chance(protocol === 'http1' ? 0.25 : 0.6) ? 'h2' : 'http/1.1';
}

/** Of all ports of a service. */
function idOf(key: string): string {
  const [first, second] = key.replace(/:.*/, '').split('/');
  return second === undefined
    ? `spiffe://${trustDomain}/service/${first}`
    : `spiffe://${trustDomain}/cell/${first}/service/${second}`;
}

const ids = [
  ...serviceKeys.map(idOf),
  ...workloadIds,
  'spiffe://td1/cell/cell-1/service/ghost',
  'spiffe://td1/cell/cell-100/service/alpha',
  'spiffe://td1/cell/cell-1',
  'spiffe://td1/job',
  'spiffe://td1/nobody',
  'spiffe://td2/x',
  'spiffe://td2/job/y',
  // Named as one of ours.
  'spiffe://td2/cell/cell-1/service/alpha',
  breakGlassId,
];
const vias = ['plaintext', 'one-way-tls', 'legacy'] as const;

function randomCaller(random: Random): GeneratedCaller {
  const caller = random.chance(0.3)
    ? ({ kind: 'anonymous', via: random.pick(vias) } as const)
    : ({ kind: 'id', id: random.pick(ids) } as const);
  return random.chance(caller.kind === 'id' ? 0.1 : 0.4) ? { ...caller, token: randomToken(random) } : caller;
}

/** Someone whom the rule means. */
function callerOf(random: Random, rule: GeneratedRule, service: GeneratedService): GeneratedCaller {
  const withToken = rule.from.filter(({ token }) => token !== undefined);
  const { kind, text, token } = random.pick(withToken.length > 0 && random.chance(0.5) ? withToken : rule.from);
  const value = /: "?([^"},]*)"?[},]/.exec(text)?.[1] ?? '';
  const among = (wanted: (id: string) => boolean): GeneratedCaller => {
    const found = ids.filter(wanted);
    return found.length === 0 ? randomCaller(random) : { kind: 'id', id: random.pick(found) };
  };
  const caller = meant();
  return token === undefined || caller.kind === 'anonymous' || random.chance(0.1)
    ? caller
    : { ...caller, token: aimedToken(random, token) };

  function meant(): GeneratedCaller {
    switch (kind) {
      case 'service':
        return { kind: 'id', id: idOf(value) };
      case 'eachCell':
        return among((id) => id.includes('/cell/') && id.endsWith(`/service/${value}`));
      case 'authenticated':
        return among((id) => id.startsWith(`spiffe://${trustDomain}/`));
      case 'cell':
        return among((id) => id.includes(`/cell/${value}/`));
      case 'cell: same':
        return among((id) => id.includes(`/cell/${service.key.split('/')[0]}/`));
      case 'spiffeId':
        return { kind: 'id', id: value };
      case 'prefix':
        return among((id) => id.startsWith(value));
      case 'trustDomain':
        return among((id) => id.startsWith(`spiffe://${value}/`));
      case 'anonymous':
        return { kind: 'anonymous', via: random.pick(vias) };
      case 'jwt':
        return {
          kind: 'anonymous',
          // The one that a permissive service may still refuse.
          via: random.pick([...vias, 'legacy'] as const),
          ...(token === undefined || random.chance(0.1) ? {} : { token: aimedToken(random, token) }),
        };
      case 'everyone':
        return randomCaller(random);
      default:
        return kind satisfies never;
    }
  }
}

const words = [
  'api',
  'v4',
  'projects',
  '42',
  'jobs',
  'admin',
  'a',
  'ab',
  'zz',
  'a.b',
  'axb',
  'xxy',
  '(z)',
  'g%2Fp',
  'x%20y',
  'p|q',
  '%c3%a9',
];

function randomTarget(random: Random, { healthPath }: GeneratedService, grpc: boolean): string {
  if (healthPath !== undefined && random.chance(0.6)) return healthPath;
  if (grpc)
    return `/${random.pick(['pkg.v1.Search', 'pkg.v1.SearchAdmin', 'Plain'])}/${random.pick(['Find', 'FindAll', 'Drop'])}`;
  return `/${Array.from({ length: random.int(4) }, () => random.pick(words)).join('/')}`;
}

/** A path that the rule covers. */
function instance(random: Random, pattern: string, prefix: boolean): string {
  const path = pattern
    .replace(/\{[a-z0-9]+\}/g, () => (random.chance(0.12) ? '' : random.pick(words)))
    .replace(/\*$/, () => random.pick(['Find', 'FindAll', 'Other']));
  return prefix && random.chance(0.6) ? `${path === '/' ? '' : path}/${random.pick(words)}` : path;
}

const bends: readonly ((path: string, random: Random) => string)[] = [
  (path) => `${path}x`,
  (path) => `${path}/`,
  (path) => `${path}//`,
  (path) => `/${path}`,
  (path) => path.replace('/', '/./'),
  (path) => `${path}/../x`,
  (path) => `${path}/..`,
  (path) => `/x/..${path}`,
  (path) => `/x/%2e%2E${path}`,
  (path) => `/x/..;a=b${path}`,
  (path) => `/x/%2e%2e;${path}`,
  (path) => `${path}/%2E;v=1/x`,
  (path) => `${path}/x/%2e.;a${path}`,
  (path) => `${path}/..%3bx`,
  (path) => `/x\\..${path}`,
  (path) => `${path}?q=/../x`,
  (path) => `${path}?a;b#c`,
  (path) => `${path}#x`,
  (path) => `${path};v=1`,
  (path) => `${path}/;`,
  (path) => `${path};/x`,
  (path) => `/;x${path}`,
  (path) => path.slice(0, path.lastIndexOf('/') + 1),
  (path) => path.slice(0, path.lastIndexOf('/') + 1),
  (path) => `${path}%3bv`,
  (path) => `${path}%2fx`,
  (path) => `${path}%5Cx`,
  (path) => path.replace(/(?!^)\//, '%2F'),
  (path) => path.replace(/(?!^)\//g, '%5c'),
  (path) => path.replace(/(?!^)\//, '%2f%2F'),
  (path) => path.replace(/[+$()]/g, (char) => `%${char.charCodeAt(0).toString(16)}`),
  (path) => `${path}%3fx`,
  (path) => `${path}%2F`,
  (path) => `${path}%252fx`,
  (path) => path.replace(/[a-z]/, (char) => `%25${char.charCodeAt(0).toString(16)}`),
  (path) => `${path}\\x`,
  (path) => `${path}%`,
  (path) => `${path}%00`,
  (path) => `${path}/x`,
  (path) => path.toUpperCase(),
  (path) => path.slice(0, Math.max(1, path.lastIndexOf('/'))),
  (path, random) => encodeOne(path, random),
  (path, random) => encodeOne(encodeOne(path, random), random),
];

function bend(random: Random, path: string): string {
  return random.pick(bends)(path, random);
}

/** One letter percent-encoded, in either case of hex. */
function encodeOne(path: string, random: Random): string {
  const at = random.int(path.length);
  const char = path.charAt(at);
  if (!/[A-Za-z0-9._~-]/.test(char) || path.charAt(at - 1) === '%' || path.charAt(at - 2) === '%') return path;
  const hex = char.charCodeAt(0).toString(16);
  return `${path.slice(0, at)}%${random.chance(0.5) ? hex : hex.toUpperCase()}${path.slice(at + 1)}`;
}
