// Random documents as a user would write them: YAML text, made without looking at how policy or translate read it. Beside
// the text, what each rule was made of, so that requests can aim at it and what was hit can be counted.
import { descriptorSet } from '../../support/descriptor-set.ts';
import type { Random } from './random.ts';
import { audiences, type GeneratedTokenRule, issuerNames, issuers, type Tokens, teams } from './tokens.ts';

export const trustDomain = 'td1';

/** Fixed over a run, as each has its Envoy; all else about them is random. */
export const serviceKeys = ['cell-1/alpha', 'cell-1/beta', 'cell-10/alpha', 'cell-10/gamma', 'alpha', 'delta'] as const;

/** Those with a second port beside `default`. */
const twoPorts: readonly string[] = ['cell-1/beta', 'delta'];
/** Of each port, as policy/ports.ts makes it. */
export type GeneratedKey = (typeof serviceKeys)[number] | 'cell-1/beta:second' | 'delta:second';

export const workloadIds = [
  'spiffe://td1/job/build',
  'spiffe://td1/job/build/linux',
  'spiffe://td1/jobs/other',
] as const;

/** Nobody's rule names it; prefixes may cover it. */
export const breakGlassId = 'spiffe://td1/job/oncall';

/** One port of a service. */
export interface GeneratedService {
  readonly key: GeneratedKey;
  readonly protocol: 'http1' | 'http2' | 'grpc' | 'tcp';
  readonly healthPath: string | undefined;
  readonly rules: readonly GeneratedRule[];
}

/** As it stands at one port. */
export interface GeneratedRule {
  /** Its name on the proxy. */
  readonly id: string;
  readonly from: readonly GeneratedSource[];
  readonly to: readonly GeneratedOperation[];
}

export interface GeneratedSource {
  readonly kind:
    | 'service'
    | 'eachCell'
    | 'authenticated'
    | 'cell'
    | 'cell: same'
    | 'spiffeId'
    | 'prefix'
    | 'trustDomain'
    | 'anonymous'
    | 'jwt'
    | 'everyone';
  readonly text: string;
  /** Of `jwt`, alone or beside an identity. */
  readonly token?: GeneratedTokenRule;
}

export interface GeneratedOperation {
  readonly kinds: readonly (
    | 'methods'
    | 'exact'
    | 'prefix'
    | 'template'
    | 'grpc method'
    | 'grpc wildcard'
    | 'matching cell'
  )[];
  readonly methods: readonly string[];
  /** `{x}` stands for any segment, a trailing `/*` for any method. */
  readonly path: string | undefined;
  readonly text: string;
}

export interface GeneratedMesh {
  readonly text: string;
  readonly services: readonly GeneratedService[];
}

export const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const;
const segments = [
  'api',
  'v4',
  'projects',
  '42',
  'jobs',
  'admin',
  'a',
  'ab',
  'a.b',
  'x+y',
  '(z)',
  'a$b',
  '_x',
  '~u',
  '-',
  'A',
];
const grpcServices = ['pkg.v1.Search', 'pkg.v1.SearchAdmin', 'Plain'];
const grpcMethods = ['Find', 'FindAll', 'Drop'];
const described = Buffer.concat(
  grpcServices.map((service) =>
    descriptorSet(
      service,
      grpcMethods.map((name, index) => ({ name, fields: [{ name: 'cell_id', number: cellField(index) }] })),
    ),
  ),
).toString('base64');

/** Where a method's request has its `cell_id`. */
function cellField(method: number): number {
  return 1 + method * 7;
}

/** The same by a request's path; 1 where it is of no method that is described. */
export function cellFieldOf(path: string): number {
  const [target = ''] = path.split('?', 1);
  const name = target
    .slice(target.lastIndexOf('/') + 1)
    .replace(/%([46][1-9a-f]|[57][0-9a])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return cellField(Math.max(0, grpcMethods.indexOf(name)));
}

/** `foreignRoot`: of td2, which some states federate with. */
export function randomMesh(
  random: Random,
  legacyCertificates: string,
  tokens: Tokens,
  foreignRoot?: string,
): GeneratedMesh {
  const services = serviceKeys.map((key) => randomService(random, key));
  const text = [
    `kind: Mesh
metadata: {name: mesh}
spec:
  trustDomain: ${trustDomain}
  mtls: {mode: ${random.pick(['strict', 'permissive'])}}
  authorization: {withinCell: ${random.pick(['allow', 'deny'])}, acrossCells: ${random.pick(['allow', 'deny'])}}
${random.chance(0.5) ? `  breakGlass: ["${breakGlassId}"]` : ''}
  jwtIssuers:
${issuerNames
  .map((name) => {
    const { issuer, header } = issuers[name];
    return `    - {name: ${name}, issuer: "${issuer}", header: ${header}, jwks: '${tokens.jwks(name)}'}`;
  })
  .join('\n')}
  legacyAuthorities:
    - name: old
      certificates: |
${legacyCertificates
  .trim()
  .split('\n')
  .map((line) => `        ${line}`)
  .join('\n')}`,
    ...['cell-1', 'cell-10'].map((name, index) => `kind: Cell\nmetadata: {name: ${name}}\nspec: {id: ${index + 1}}`),
    ...workloadIds.map(
      (id, index) => `kind: Workload\nmetadata: {name: w${index}}\nspec: {identity: {spiffeId: "${id}"}}`,
    ),
    ...services.flatMap(({ texts }) => texts),
    ...(foreignRoot === undefined || random.chance(0.3)
      ? []
      : [
          `kind: TrustBundle\nmetadata: {name: td2}\nspec: ${JSON.stringify({ trustDomain: 'td2', bundle: foreignRoot })}`,
        ]),
  ]
    .map((document) => `apiVersion: cellwall/v1\n${document}\n`)
    .join('---\n');
  return { text, services: services.flatMap(({ ports }) => ports) };
}

function metadata(key: string): string {
  const [first, second] = key.split('/');
  return second === undefined ? `{name: ${first}}` : `{name: ${second}, cell: ${first}}`;
}

interface Port {
  readonly key: GeneratedKey;
  readonly name: string;
  readonly protocol: GeneratedService['protocol'];
  readonly healthPath: string | undefined;
  readonly fields: readonly string[];
}

function randomPort(random: Random, key: GeneratedKey, name: string): Port {
  const protocol = random.pick(['http1', 'http1', 'http2', 'http2', 'grpc', 'grpc', 'tcp'] as const);
  const healthPath = protocol !== 'tcp' && random.chance(0.5) ? random.pick(['/healthz', '/-/health']) : undefined;
  const fields = [
    `protocol: ${protocol}`,
    ...(healthPath === undefined ? [] : [`health: {path: ${healthPath}}`]),
    ...(protocol === 'grpc' || protocol === 'http2' ? [`grpc: {descriptorSet: "${described}"}`] : []),
    ...(random.chance(0.35) ? ['paths: {escapedSlashes: keep}'] : []),
  ];
  return { key, name, protocol, healthPath, fields };
}

function randomService(
  random: Random,
  key: (typeof serviceKeys)[number],
): { readonly ports: readonly GeneratedService[]; readonly texts: string[] } {
  const ports = [
    randomPort(random, key, 'default'),
    ...(twoPorts.includes(key) ? [randomPort(random, `${key}:second` as GeneratedKey, 'second')] : []),
  ];
  const mode = random.pick(['default', 'strict', 'strict', 'permissive', 'permissive', 'permissive'] as const);
  const legacy = mode === 'permissive' && random.chance(0.6) ? ', legacyAuthority: old' : '';
  const listed = ports.map(({ name, fields }) => `{name: ${name}, ${fields.join(', ')}}`);
  const fields = [
    ...(ports.length === 1 ? (ports[0]?.fields ?? []) : [`ports: [${listed.join(', ')}]`]),
    ...(mode === 'default' ? [] : [`mtls: {mode: ${mode}${legacy}}`]),
  ];
  const texts = [`kind: Service\nmetadata: ${metadata(key)}\nspec: {${fields.join(', ')}}`];
  const rules = new Map<Port, GeneratedRule[]>(ports.map((port) => [port, []]));
  const [first, second] = key.split('/');
  const cell = second === undefined ? undefined : first;
  const count = random.chance(0.18) ? 0 : ports.length + random.int(3);
  for (let index = 0; index < count; index++) {
    // A policy of a service in a cell may stand in the cell, or outside of it.
    const inCell = cell !== undefined && random.chance(0.5) ? cell : undefined;
    const name = `p-${key.replace('/', '-')}-${index}`;
    const policy = inCell === undefined ? name : `${inCell}/${name}`;
    const action = random.chance(0.76) ? 'allow' : 'deny';
    const targeted = ports.length === 1 || random.chance(0.5) ? ports : [random.pick(ports)];
    const own = Array.from({ length: random.chance(0.05) ? 0 : 1 + random.int(3) }, (_, at) =>
      randomRule(random, `${policy}/${at}`, targeted, {
        inCell: cell !== undefined,
        mayMatchCells: action === 'allow',
        // Strict services have no anonymous callers.
        mayTakeTokens:
          action === 'allow' && mode === 'permissive' && targeted.every(({ protocol }) => protocol !== 'tcp'),
        mayTakeBoth: action === 'allow' && targeted.every(({ protocol }) => protocol !== 'tcp'),
      }),
    );
    for (const { at } of own) for (const [port, rule] of at) rules.get(port)?.push(rule);
    const shadow = random.chance(0.25) ? ', mode: shadow' : '';
    const [only] = targeted.length < ports.length ? targeted : [];
    const target = `{service: ${key}${only === undefined ? '' : `, port: ${only.name}`}}`;
    texts.push(
      `kind: AuthorizationPolicy\nmetadata: ${metadata(policy)}\nspec: {target: ${target}, action: ` +
        `${action}${shadow}, rules: [${own.map(({ text }) => text).join(', ')}]}`,
    );
  }
  const generated = ports.map((port): GeneratedService => {
    return { key: port.key, protocol: port.protocol, healthPath: port.healthPath, rules: rules.get(port) ?? [] };
  });
  return { ports: generated, texts };
}

interface RuleRoom {
  readonly inCell: boolean;
  readonly mayMatchCells: boolean;
  readonly mayTakeTokens: boolean;
  /** A token beside an identity. */
  readonly mayTakeBoth: boolean;
}

interface WrittenRule {
  readonly text: string;
  /** As it stands at each port; absent where it does not. */
  readonly at: ReadonlyMap<Port, GeneratedRule>;
}

function randomRule(
  random: Random,
  id: string,
  targeted: readonly Port[],
  { inCell, mayMatchCells, mayTakeTokens, mayTakeBoth }: RuleRoom,
): WrittenRule {
  const from = Array.from({ length: 1 + random.int(2) }, () =>
    mayTakeTokens && random.chance(0.4)
      ? randomTokenSource(random)
      : withToken(random, randomSource(random, inCell), mayTakeBoth),
  );
  const sources = `from: [${from.map(({ text }) => text).join(', ')}]`;
  const [only] = targeted.length === 1 ? targeted : [];
  if (only?.protocol === 'tcp' || random.chance(0.3)) {
    return { text: `{${sources}}`, at: new Map(targeted.map((port) => [port, { id, from, to: [] }])) };
  }
  const to = Array.from({ length: 1 + random.int(3) }, () => {
    const port = random.pick(targeted);
    // Everything there, by the port alone.
    const whole = port.protocol === 'tcp' || (targeted.length > 1 && random.chance(0.2));
    return { port, operation: whole ? undefined : randomOperation(random, port.protocol, mayMatchCells) };
  });
  const written = to.map(({ port, operation }) => {
    const place = targeted.length > 1 ? `port: ${port.name}` : undefined;
    const parts = [place, operation?.text.slice(1, -1)].filter((part) => part !== undefined);
    return `{${parts.join(', ')}}`;
  });
  const at = new Map<Port, GeneratedRule>();
  for (const port of targeted) {
    const own = to.filter((one) => one.port === port).map(({ operation }) => operation);
    if (own.length === 0) continue;
    const operations = own.filter((operation) => operation !== undefined);
    at.set(port, { id, from, to: operations.length < own.length ? [] : operations });
  }
  return { text: `{${sources}, to: [${written.join(', ')}]}`, at };
}

function randomSource(random: Random, inCell: boolean): GeneratedSource {
  const kinds = [
    'service',
    'eachCell',
    'authenticated',
    'cell',
    'spiffeId',
    'prefix',
    'trustDomain',
    'anonymous',
    'everyone',
  ] as const;
  const kind = inCell && random.chance(0.2) ? 'cell: same' : random.pick(kinds);
  const texts = {
    service: () => `{service: ${random.pick(serviceKeys)}}`,
    eachCell: () => '{eachCell: alpha}',
    authenticated: () => '{authenticated: true}',
    cell: () => `{cell: ${random.pick(['cell-1', 'cell-10'])}}`,
    'cell: same': () => '{cell: same}',
    spiffeId: () =>
      `{spiffeId: "${random.pick([...workloadIds, 'spiffe://td1/cell/cell-1/service/alpha', 'spiffe://td2/x', 'spiffe://td2/job/y'])}"}`,
    prefix: () =>
      `{prefix: "spiffe://${random.pick(['td1/job/', 'td1/job/build/', 'td1/cell/', 'td1/cell/cell-1/', 'td1/', 'td2/', 'td2/job/'])}"}`,
    trustDomain: () => `{trustDomain: ${random.pick(['td1', 'td1', 'td2'])}}`,
    anonymous: () => '{anonymous: true}',
    everyone: () => '{everyone: true}',
  };
  return { kind, text: texts[kind]() };
}

const noIdentities: readonly GeneratedSource['kind'][] = ['anonymous', 'everyone', 'jwt'];

/** Some that name identities ask for a token, too. */
function withToken(random: Random, source: GeneratedSource, mayTakeBoth: boolean): GeneratedSource {
  if (!mayTakeBoth || noIdentities.includes(source.kind) || random.chance(0.7)) return source;
  const { text, token } = randomTokenSource(random);
  return {
    ...source,
    text: `${source.text.slice(0, -1)}, ${text.slice(1)}`,
    ...(token === undefined ? {} : { token }),
  };
}

function randomTokenSource(random: Random): GeneratedSource {
  const team = random.chance(0.5) ? random.pick(teams) : undefined;
  const token = {
    issuer: random.pick(issuerNames),
    audience: random.pick(audiences),
    ...(team === undefined ? {} : { team }),
  };
  const claims = team === undefined ? '' : `, claims: {team: ${team}}`;
  return { kind: 'jwt', text: `{jwt: {issuer: ${token.issuer}, audience: ${token.audience}${claims}}}`, token };
}

function randomOperation(random: Random, protocol: string, mayMatchCells: boolean): GeneratedOperation {
  if (protocol !== 'http1' && random.chance(protocol === 'grpc' ? 0.7 : 0.25)) {
    const service = random.pick(grpcServices);
    const all = random.chance(0.4);
    const name = `${service}/${all ? '*' : random.pick(grpcMethods)}`;
    if (!all && mayMatchCells && random.chance(0.6)) {
      const text = `{grpc: "${name}", matchingCell: {field: cell_id}}`;
      return { kinds: ['grpc method', 'matching cell'], methods: [], path: `/${name}`, text };
    }
    return { kinds: [all ? 'grpc wildcard' : 'grpc method'], methods: [], path: `/${name}`, text: `{grpc: "${name}"}` };
  }
  const verbs = random.chance(0.5) ? random.some(methods, 1 + random.int(3)) : [];
  const form =
    verbs.length > 0 && random.chance(0.25) ? undefined : random.pick(['exact', 'prefix', 'template'] as const);
  const path = form === undefined ? undefined : randomPath(random, form);
  const parts = [
    ...(verbs.length === 0 ? [] : [`methods: [${verbs.join(', ')}]`]),
    ...(form === undefined ? [] : [`path: {${form}: "${path}"}`]),
  ];
  return {
    kinds: [...(verbs.length === 0 ? [] : (['methods'] as const)), ...(form === undefined ? [] : [form])],
    methods: verbs,
    path,
    text: `{${parts.join(', ')}}`,
  };
}

function randomPath(random: Random, form: 'exact' | 'prefix' | 'template'): string {
  const count = form === 'template' ? 1 + random.int(4) : random.int(4);
  const parts = Array.from({ length: count }, (_, index) =>
    form === 'template' && random.chance(0.45) ? `{p${index}}` : random.pick(segments),
  );
  const path = `/${parts.join('/')}`;
  return form === 'exact' && count > 0 && random.chance(0.15) ? `${path}/` : path;
}
