// The admin API, by whoever has the token or not: every route with bodies and queries of all kinds. No answer is a fault of ours, none
// holds a stack or the token, and without the token nothing is told.
import { Agent, request } from 'node:http';
import { it } from 'vitest';
import { adminToken, startAdmin } from '../../support/admin-harness.ts';
import { meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { fuzz } from './fuzz.ts';
import type { Random } from './random.ts';

const text = yaml(
  meshText(),
  serviceText('web'),
  serviceText('api'),
  policyText('p', 'api', 'allow', '[{from: [{service: web}]}]'),
);
const gets = [
  'documents',
  'documents/Mesh/mesh',
  'status',
  'services',
  'proxies',
  'traffic',
  'certificates',
  'history',
  'audit',
];
const posts = ['apply', 'diff', 'simulate', 'rollback', 'tokens', 'certificates/rotate'];
const explain = '/v1/explain?caller=web&target=api&method=GET&path=/a';

interface Told {
  readonly status: number;
  readonly answer: string;
}

/** A request as one text: method, path, whether with the token, and the body after the first line's end. */
const write = (method: string, path: string, token: boolean, body = ''): string =>
  `${method} ${path} ${token ? 1 : 0}\n${body}`;

const bodies = [
  { text },
  { text, dryRun: true, urgent: true, force: true, expectedRevision: 1 },
  { text: serviceText('other') },
  { delete: ['Service/web'] },
  { service: 'web', ttl: '1h' },
  { spiffeId: 'spiffe://td1/service/web', ttl: '-1s' },
  { selector: 'web' },
  { to: 1, dryRun: true },
  { documents: [{ kind: 'Mesh' }] },
];

/** Any JSON there is, of little depth. */
function json(random: Random, depth = 0): unknown {
  const kind = random.below(depth > 3 ? 6 : 9);
  if (kind === 0) return null;
  if (kind === 1) return random.below(2) === 0;
  if (kind === 2) return random.of([0, -1, 1e308, 2 ** 53, 0.1, random.below(1000)]);
  if (kind < 6)
    return random.of([
      '',
      'web',
      'api',
      text,
      'Service/web',
      '1h',
      '-1s',
      '\u0000',
      '\u202e',
      'x'.repeat(2000),
      '../..',
      '__proto__',
    ]);
  if (kind === 6) return Array.from({ length: random.below(4) }, () => json(random, depth + 1));
  const names = [
    'text',
    'dryRun',
    'delete',
    'service',
    'spiffeId',
    'ttl',
    'selector',
    'to',
    'urgent',
    'force',
    'expectedRevision',
    '__proto__',
    'constructor',
  ];
  return Object.fromEntries(Array.from({ length: random.below(5) }, () => [random.of(names), json(random, depth + 1)]));
}

it('the admin API: every answer is one of its own', { timeout: 30 * 60_000 }, async () => {
  const admin = await startAdmin();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { host, port } = admin.address;
  /** The page's files and how one signs in are for everybody. */
  const isOpen = (path: string): boolean =>
    /^\/+(healthz|readyz|metrics|page\/|v1\/sign-in)/.test(path) || /^\/*(\?|$)/.test(path);
  const call = (method: string, path: string, token: boolean, body: Buffer): Promise<Told | undefined> =>
    new Promise((resolve, reject) => {
      try {
        const headers = {
          ...(token ? { authorization: `Bearer ${adminToken}` } : {}),
          ...(method === 'GET' ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
        };
        const outgoing = request({ host, port, method, path, headers, agent }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, answer: Buffer.concat(chunks).toString() }),
          );
        });
        outgoing.on('error', (reason) => {
          // The server had ended the connection that was kept (its body was not read): once more, on another.
          if (outgoing.reusedSocket) call(method, path, token, body).then(resolve, reject);
          else reject(reason);
        });
        outgoing.end(method === 'GET' ? undefined : body);
      } catch (reason) {
        // Node.js sends no such path.
        if (reason instanceof TypeError) resolve(undefined);
        else reject(reason);
      }
    });
  try {
    await fuzz({
      name: 'admin-api',
      seeds: [
        ...gets.map((route) => write('GET', `/v1/${route}`, true)),
        ...posts.flatMap((route) => bodies.map((body) => write('POST', `/v1/${route}`, true, JSON.stringify(body)))),
        ...posts.map((route) => write('POST', `/v1/${route}`, false, JSON.stringify(bodies[0]))),
        write('GET', explain, true),
        write('GET', '/v1/explain?request=id', true),
        write('GET', '/v1/audit?last=3', true),
      ],
      dictionary: [
        '"text":',
        '"dryRun":true',
        '"delete":["Service/web"]',
        '"__proto__":{}',
        '?last=',
        '&path=',
        '%2f',
        '%00',
        '/../',
        '[[[[',
        '{"',
        '"}',
        'null',
        '1e999',
        '\\u0000',
        'GET ',
        'POST ',
        ' 0\n',
        ' 1\n',
      ],
      sources: [
        'src/admin/admin-api.ts',
        'src/admin/http-error.ts',
        'src/admin/routes/apply.ts',
        'src/admin/routes/explain.ts',
      ],
      make: (random) =>
        Buffer.from(
          random.below(3) === 0
            ? write(
                'GET',
                `${explain}${random.of(['', '&', '&method=', '&path=//', '&token=', '&port=1'])}${random.of(['', 'x', '%', '[]'])}`,
                random.below(9) > 0,
              )
            : write('POST', `/v1/${random.of(posts)}`, random.below(9) > 0, JSON.stringify(json(random))),
        ),
      async run(input) {
        const end = input.indexOf('\n');
        const [method = '', path = '', token = ''] = input
          .subarray(0, end < 0 ? input.length : end)
          .toString('latin1')
          .split(' ');
        const known = method === 'POST' ? 'POST' : 'GET';
        const told = await call(
          known,
          path.startsWith('/') ? path : `/${path}`,
          token === '1',
          input.subarray(end + 1),
        );
        if (told === undefined) return 'no such path';
        const { status, answer } = told;
        if (status >= 500 && status !== 503) throw new Error(`${status}: ${answer}`);
        if (/\n\s+at |node:internal|node_modules|\/src\//.test(answer)) throw new Error(`a stack: ${answer}`);
        if (answer.includes(adminToken)) throw new Error('the token in an answer');
        if (token !== '1' && status < 400 && !isOpen(path)) throw new Error(`without the token: ${status} ${path}`);
        if (status >= 400 && status !== 503 && typeof JSON.parse(answer).message !== 'string')
          throw new Error(`no message: ${answer}`);
        const code: unknown = status >= 400 ? JSON.parse(answer).code : '';
        return `${known} ${(path.split('?')[0] ?? '').slice(0, 20)} ${status} ${String(code)}`;
      },
    });
    const faults = admin.logged.filter((line) => line.startsWith('admin request failed'));
    if (faults.length > 0) throw new Error(faults[0]);
  } finally {
    agent.destroy();
    await admin.close();
  }
});
