// Tokens that must earn nothing: each differs from one that is taken in one thing, and is signed by GitLab's own key wherever that is
// what makes it dangerous.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type Claims, forkClaims, type GitlabStandIn } from '../../support/gitlab-stand-in.ts';

export interface BadToken {
  readonly name: string;
  readonly token: string;
}

const encoded = (part: unknown): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const edwards = generateKeyPairSync('ed25519');

/** `gitlab` is believed; `other` is a GitLab that nobody knows. At least 200, of distinct names. */
export function tokenCorpus(gitlab: GitlabStandIn, other: GitlabStandIn): readonly BadToken[] {
  const header: Claims = { kid: gitlab.kid(), typ: 'JWT', alg: 'RS256' };
  const all: BadToken[] = [];
  const add = (name: string, token: string): void => void all.push({ name, token });
  const claims = (more: Claims = {}): Claims => gitlab.claimsOf({ claims: more });
  const bySelf = (head: unknown, payload: unknown, key: KeyObject = own.privateKey): string => {
    const text = `${encoded(head)}.${encoded(payload)}`;
    return `${text}.${sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', Buffer.from(text), key).toString('base64url')}`;
  };
  const really = (name: string, head: Claims | string, payload: Claims | string): void =>
    add(name, gitlab.sign(head, payload));
  const claim = (name: string, more: Claims): void => really(name, header, claims(more));
  const now = Math.floor(Number(claims()['iat']));

  // No signature.
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', 'null']) {
    const text = `${encoded({ ...header, alg })}.${encoded(claims())}`;
    add(`alg ${alg}, no signature`, `${text}.`);
    add(`alg ${alg}, two parts`, text);
    add(`alg ${alg}, a real signature`, gitlab.sign({ ...header, alg }, claims()));
  }
  // The public key as a secret.
  const key = gitlab.publicKey();
  const secrets: Readonly<Record<string, string | Buffer>> = {
    pem: key.export({ format: 'pem', type: 'spki' }),
    'pem without its last line feed': key.export({ format: 'pem', type: 'spki' }).toString().trim(),
    'pkcs1 pem': key.export({ format: 'pem', type: 'pkcs1' }),
    der: key.export({ format: 'der', type: 'spki' }),
    jwk: JSON.stringify(key.export({ format: 'jwk' })),
    modulus: Buffer.from(String(key.export({ format: 'jwk' }).n), 'base64url'),
    kid: gitlab.kid(),
    nothing: '',
  };
  for (const [what, secret] of Object.entries(secrets)) {
    for (const size of [256, 384, 512]) {
      const text = `${encoded({ ...header, alg: `HS${size}` })}.${encoded(claims())}`;
      add(`HS${size} with ${what}`, `${text}.${createHmac(`sha${size}`, secret).update(text).digest('base64url')}`);
    }
  }
  // Another algorithm than the key's.
  for (const alg of [
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
    'ES256',
    'ES384',
    'EdDSA',
    'RSA-OAEP',
    'dir',
    'rs256',
  ]) {
    really(`said to be ${alg}`, { ...header, alg }, claims());
  }
  for (const alg of [null, 256, ['RS256'], { toString: 'RS256' }, true]) {
    really(`alg ${JSON.stringify(alg)}`, { ...header, alg }, claims());
  }
  really('no alg', { kid: gitlab.kid(), typ: 'JWT' }, claims());
  add('ES256 by a stranger', bySelf({ ...header, alg: 'ES256' }, claims(), curve.privateKey));
  add('EdDSA by a stranger', bySelf({ ...header, alg: 'EdDSA' }, claims(), edwards.privateKey));
  add(
    'ES256, all zeros',
    `${encoded({ ...header, alg: 'ES256' })}.${encoded(claims())}.${Buffer.alloc(64).toString('base64url')}`,
  );
  // A key that the token brings along, or names; by a stranger, and with GitLab's own signature.
  const jwk = { ...own.publicKey.export({ format: 'jwk' }), kid: gitlab.kid(), use: 'sig', alg: 'RS256' };
  const brought: Readonly<Record<string, unknown>> = {
    ...{
      jwk,
      jku: 'https://127.0.0.1:1/keys',
      x5u: 'https://127.0.0.1:1/cert.pem',
      x5c: ['MIIB'],
      x5t: 'AA',
      'x5t#S256': 'AA',
    },
    ...{
      jwks: { keys: [jwk] },
      cty: 'JWT',
      zip: 'DEF',
      b64: false,
      enc: 'A128GCM',
      p2c: 1e9,
      apu: 'AA',
      epk: jwk,
      nonce: 'a',
      iss: gitlab.issuer,
    },
    ...{ crit: ['exp'], url: 'https://127.0.0.1:1', 'jwk ': jwk, __proto__x: jwk, typ2: 'JWT' },
  };
  for (const [name, value] of Object.entries(brought)) {
    add(`${name} by a stranger`, bySelf({ ...header, [name]: value }, claims()));
    really(`${name} beside a real signature`, { ...header, [name]: value }, claims());
  }
  for (const crit of [[], ['b64'], ['kid'], ['http://example/unknown'], 'exp', null, {}]) {
    really(`crit ${JSON.stringify(crit)}`, { ...header, crit }, claims());
  }
  really(
    'a header with a prototype',
    `{"alg":"RS256","typ":"JWT","kid":"${gitlab.kid()}","__proto__":{"kid":"x"}}`,
    claims(),
  );
  add('a stranger with the real kid', bySelf(header, claims()));
  // Which key.
  const kids: readonly unknown[] = [
    ...[
      '',
      ' ',
      '../../../../etc/passwd',
      '/proc/self/environ',
      "' UNION SELECT 'key' --",
      '|touch x',
      '$(id)',
      '\u0000',
    ],
    ...['https://127.0.0.1:1/key', '__proto__', 'constructor', 'toString', `${gitlab.kid()} `, ` ${gitlab.kid()}`],
    ...[
      gitlab.kid().toUpperCase(),
      gitlab.kid().slice(0, -1),
      `${gitlab.kid()}\u0000`,
      other.kid(),
      'k'.repeat(10_000),
      '0',
      '*',
    ],
    ...[null, 0, 1, true, [], [gitlab.kid()], {}, { kid: gitlab.kid() }],
  ];
  for (const kid of kids) really(`kid ${JSON.stringify(kid).slice(0, 60)}`, { ...header, kid }, claims());
  really('no kid', { alg: 'RS256', typ: 'JWT' }, claims());
  for (const typ of ['at+jwt', 'JWE', 'jwt', 'application/jwt', 'JWT ', 7, null, ['JWT']])
    really(`typ ${JSON.stringify(typ)}`, { ...header, typ }, claims());
  // A name twice: readers differ in which counts.
  const good = JSON.stringify(claims());
  for (const name of [
    'iss',
    'aud',
    'exp',
    'jti',
    'project_id',
    'job_project_id',
    'ref',
    'ref_protected',
    'namespace_id',
    'sub',
  ]) {
    really(`${name} twice, ours last`, header, `{"${name}":"x",${good.slice(1)}`);
    really(`${name} twice, ours first`, header, `${good.slice(0, -1)},"${name}":"x"}`);
  }
  really('twice by an escape', header, `${good.slice(0, -1)},"project\\u005fid":"9"}`);
  really('twice by an escape of a letter', header, `{"\\u0061ud":"vault",${good.slice(1)}`);
  really('twice in an object of a claim', header, `${good.slice(0, -1)},"more":{"a":1,"a":2}}`);
  really('twice in a list', header, `${good.slice(0, -1)},"more":[{"a":1,"\\u0061":2}]}`);
  const head = JSON.stringify(header).slice(1);
  for (const twice of ['"alg":"none"', '"alg":"RS256"', `"kid":"${gitlab.kid()}"`, '"kid":"x"', '"typ":"JWT"'])
    really(`the header has ${twice.slice(0, 20)} twice`, `{${twice},${head}`, good);
  // Whose, for whom, and when.
  const { issuer } = gitlab;
  for (const iss of [
    other.issuer,
    `${issuer}/`,
    issuer.toUpperCase(),
    ` ${issuer}`,
    issuer.replace('https', 'http'),
    `${issuer}\u0000`,
    '',
    null,
    [issuer],
    { iss: issuer },
    undefined,
    'https://gitlab.com',
    issuer.replace('127', '127%'),
  ])
    claim(`iss ${JSON.stringify(iss)}`, { iss });
  for (const aud of [
    'vault',
    '',
    ' cellwall',
    'cellwall ',
    'Cellwall',
    'cellwal',
    'cellwall\u0000',
    'cellwall,vault',
    null,
    7,
    true,
    {},
    [],
    ['cellwall'],
    ['cellwall', 'vault'],
    ['vault'],
    ['*'],
    [['cellwall']],
    { 0: 'cellwall' },
    undefined,
    '*',
  ])
    claim(`aud ${JSON.stringify(aud)}`, { aud });
  for (const exp of [now - 61, now - 3600, 0, 1, -1, '9999999999', null, undefined, true, [now + 600], 1e300, 9e15])
    claim(`exp ${exp === now - 61 ? 'of just before' : JSON.stringify(exp)}`, { exp });
  for (const nbf of [now + 7200, now * 1000, '0', [now], {}])
    claim(`nbf ${nbf === now + 7200 ? 'to come' : JSON.stringify(nbf)}`, { nbf });
  for (const iat of [now + 7200, now * 1000, '0', null, undefined, -1, [now], 0.5])
    claim(`iat ${iat === now + 7200 ? 'to come' : JSON.stringify(iat)}`, { iat });
  for (const jti of ['', null, undefined, 7, ['a'], 'j'.repeat(1025)])
    claim(`jti ${JSON.stringify(jti)?.slice(0, 12)}`, { jti });
  // Which project.
  claim('a fork', forkClaims);
  for (const name of ['project_id', 'project_path', 'namespace_id', 'namespace_path']) {
    claim(`another ${name}`, { [name]: '43', [`job_${name}`]: claims()[name] });
    claim(`another job_${name}`, { [`job_${name}`]: '43' });
    claim(`no ${name}`, { [name]: undefined });
    claim(`no job_${name}`, { [`job_${name}`]: undefined });
    claim(`neither ${name}`, { [name]: undefined, [`job_${name}`]: undefined });
    claim(`null as both ${name}`, { [name]: null, [`job_${name}`]: null });
  }
  for (const id of [
    42,
    '042',
    '4２',
    '-1',
    '+42',
    '1e3',
    ' 42',
    '42\n',
    '0x2a',
    '42.0',
    '',
    ['42'],
    { id: 42 },
    true,
    '9'.repeat(30),
    '４２',
  ])
    claim(`project_id ${JSON.stringify(id)}`, { project_id: id, job_project_id: id });
  for (const name of ['ref', 'ref_type', 'ref_protected', 'pipeline_id', 'job_id']) {
    claim(`no ${name}`, { [name]: undefined });
    claim(`${name} as a list`, { [name]: ['main'] });
    claim(`${name} empty`, { [name]: '' });
  }
  claim('protected as a truth', { ref_protected: true });
  claim('protected in capitals', { ref_protected: 'TRUE' });
  claim('a ref of 2049 letters', { ref: 'x'.repeat(2049) });
  claim('an environment that is an object', { environment: { name: 'production' } });
  add('a user’s request token', gitlab.userToken(['cellwall']));
  add('of a GitLab that is not known', other.idToken());
  add('of another GitLab, in the name of this', other.sign({ ...header, kid: other.kid() }, claims()));
  // Its form.
  const whole = gitlab.idToken();
  const [first = '', second = '', third = ''] = whole.split('.');
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const unread = (part: string): string => `${part.slice(0, -1)}${letters[letters.indexOf(part.at(-1) ?? '') ^ 1]}`;
  const forms: Readonly<Record<string, string>> = {
    ...{
      'nothing at all': '',
      'one dot': '.',
      'two dots': '..',
      'three dots': '...',
      'four parts': `${whole}.${third}`,
    },
    ...{
      'five parts': `${whole}.${third}.${third}`,
      'one part': first,
      'no header': `.${second}.${third}`,
      'no payload': `${first}..${third}`,
    },
    ...{
      'no signature': `${first}.${second}.`,
      'a blank before': ` ${whole}`,
      'a blank after': `${whole} `,
      'a line feed after': `${whole}\n`,
    },
    ...{
      'a line feed within': `${first}.\n${second}.${third}`,
      padding: `${first}.${second}.${third}==`,
      'a NUL after': `${whole}\u0000`,
    },
    ...{
      Bearer: `Bearer ${whole}`,
      'in quotes': `"${whole}"`,
      'as JSON': JSON.stringify({ payload: second, protected: first, signature: third }),
    },
    ...{
      'a truncated signature': whole.slice(0, -4),
      'a longer signature': `${whole}AAAA`,
      'a signature of zeros': `${first}.${second}.${Buffer.alloc(256).toString('base64url')}`,
    },
    ...{
      'the signature of another': `${first}.${encoded(claims())}.${third}`,
      'the parts in another order': `${second}.${first}.${third}`,
    },
    ...{
      'an unread bit of the signature': `${first}.${second}.${unread(third)}`,
      'letters outside of ASCII': `${first}.${second}.${third}é`,
    },
    ...{ 'letters of plain base64': `${first}.${second}.${third.replaceAll('-', '+').replaceAll('_', '/')}+/` },
    ...{
      'a token in a token': gitlab.sign(header, encoded(whole)),
      'too long': `${first}.${second}.${'A'.repeat(16_384)}`,
    },
    ...{ 'much too long': 'A.'.repeat(25_000), 'a header without end': `${'e'.repeat(30_000)}.${second}.${third}` },
  };
  for (const [name, token] of Object.entries(forms)) add(name, token);
  for (let at = 0; at < 12; at += 1) {
    const place = Math.floor(((at + 0.5) / 12) * whole.length);
    const letter = whole[place] === 'A' ? 'B' : 'A';
    if (whole[place] !== '.')
      add(`one letter changed, ${at}`, `${whole.slice(0, place)}${letter}${whole.slice(place + 1)}`);
  }
  const texts: Readonly<Record<string, string>> = {
    ...{
      'a list': '[]',
      'a number': '7',
      null: 'null',
      'a text': '"x"',
      nothing: '',
      'no end': good.slice(0, -1),
      'more after it': `${good}{}`,
    },
    ...{
      'a comma too many': `${good.slice(0, -1)},}`,
      'a comment': `/**/${good}`,
      NaN: `${good.slice(0, -1)},"a":NaN}`,
      quotes: "{'iss':'x'}",
    },
    ...{
      'a byte order mark': `\ufeff${good}`,
      'deep lists': `${good.slice(0, -1)},"a":${'['.repeat(5000)}${']'.repeat(5000)}}`,
    },
    ...{ 'deep objects': `${good.slice(0, -1)},"a":${'{"a":'.repeat(20)}1${'}'.repeat(20)}}` },
  };
  for (const [name, text] of Object.entries(texts)) {
    really(`the payload is ${name}`, header, text);
    if (!text.startsWith('{"')) really(`the header is ${name}`, text === '' ? ' ' : text, good);
  }
  const bytes = Buffer.concat([
    Buffer.from(`${good.slice(0, -1)},"a":"`),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('"}'),
  ]);
  const broken = `${encoded(header)}.${bytes.toString('base64url')}`;
  add('no UTF-8', `${broken}.${third}`);
  return all;
}
