// The helper process that uses a token: it may crash, hang, or say anything. By programs in its place; SoftHSM's own module is in
// test/system/pkcs11.test.ts.
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { createCertificate } from '../../src/identity/ca/certificate.ts';
import { pkcs11 } from '../../src/identity/ca/pkcs11.ts';
import { createPkcs11Tool } from '../../src/identity/ca/pkcs11-tool.ts';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { eventually } from '../support/eventually.ts';
import { domainOf } from '../support/identity-harness.ts';

const folder = temporaryFolder('pkcs11-tool');
const path = (name: string): string => join(folder, name);
const pin = '90817263';
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(path('pin'), `${pin}\n`, { mode: 0o600 });

/** `lines`: of a shell script that runs in place of the helper. */
function programOf(lines: string): string {
  const file = path(`tool-${Math.random()}`);
  writeFileSync(file, `#!/bin/sh\n${lines}\n`);
  chmodSync(file, 0o755);
  return file;
}
const toolOf = (lines: string, limitMs = 20_000, pinFile = path('pin')) =>
  createPkcs11Tool({ module: '/m.so', token: 'mesh', key: '01', pinFile, tool: programOf(lines), limitMs });
const failureOf = async (work: Promise<unknown>): Promise<CellwallError> =>
  CellwallError.from(
    await work.then(
      () => new Error('it worked'),
      (reason: unknown) => reason,
    ),
  );
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('the PIN is in no argument: the helper gets it by its environment, the digest by its input', async () => {
  const said = path('said');
  const tool = toolOf(`echo "$*" >${said}; echo "$CELLWALL_PIN" >>${said}; wc -c >>${said}; printf signature`);
  expect((await tool.sign(Buffer.from('x'))).toString()).toBe('signature');
  const [args, environment, digest] = readFileSync(said, 'utf8').split('\n');
  expect(args).toContain('--module /m.so --token-label mesh --id 01 --login --pin env:CELLWALL_PIN --sign');
  expect(args).not.toContain(pin);
  expect(environment).toBe(pin);
  expect(digest?.trim()).toBe('32');
});

test.each<[string, string, string, RegExp]>([
  ['crashes', 'kill -SEGV $$', 'unavailable', /crashed \(SIGSEGV\)/],
  ['is killed', 'kill -KILL $$', 'unavailable', /crashed \(SIGKILL\)/],
  ['writes without end', 'yes', 'unavailable', /crashed/],
  [
    'fails, with the PIN in what it says',
    'echo "PIN $CELLWALL_PIN CKR_DEVICE_ERROR" >&2; exit 1',
    'unavailable',
    /CKR_DEVICE_ERROR/,
  ],
  ['finds no token', 'echo "No slot with token named \\"mesh\\" found" >&2; exit 1', 'unavailable', /not there/],
  ['finds no key', 'echo "error: Private key not found" >&2; exit 1', 'failed_precondition', /no such key/],
  [
    'finds no module',
    'echo "error: Failed to load pkcs11 module" >&2; exit 1',
    'failed_precondition',
    /no PKCS#11 module/,
  ],
])('a helper that %s is told as that', async (_, lines, code, message) => {
  const failed = await failureOf(toolOf(lines).sign(Buffer.from('x')));
  expect(failed.code).toBe(code);
  expect(failed.message).toMatch(message);
  expect(`${failed} ${failed.hint} ${JSON.stringify(failed)}`).not.toContain(pin);
});

test('a helper that is not installed is told with what to install', async () => {
  const tool = createPkcs11Tool({ module: '/m', token: 't', key: '01', pinFile: path('pin'), tool: path('none') });
  const { code, hint } = await failureOf(tool.sign(Buffer.from('x')));
  expect([code, hint]).toEqual(['failed_precondition', expect.stringContaining('opensc')]);
});

test('a helper that hangs is ended with what it started, and the next one is not held up', async () => {
  const [pids, second] = [path('pids'), path('second')];
  const lines = `if [ -e ${second} ]; then printf good; exit; fi; touch ${second}; sleep 600 & echo $$ $! >${pids}; wait`;
  const tool = toolOf(lines, 3000);
  const [failed, next] = await Promise.all([failureOf(tool.sign(Buffer.from('x'))), tool.sign(Buffer.from('y'))]);
  expect(failed).toMatchObject({ code: 'unavailable', message: expect.stringContaining('no answer within 3 s') });
  expect(next.toString()).toBe('good');
  expect(existsSync(pids)).toBe(true);
  const started = readFileSync(pids, 'utf8').trim().split(' ').map(Number);
  expect(started).toHaveLength(2);
  await eventually('both are gone', () => !started.some(isAlive));
});

test('a PIN that the token refused is not tried again', async () => {
  const [tries, pinFile] = [path('tries'), path('wrong')];
  writeFileSync(pinFile, '11112222\n', { mode: 0o600 });
  const wrong = `echo try >>${tries}; [ "$CELLWALL_PIN" = 33334444 ] || { echo CKR_PIN_INCORRECT >&2; exit 1; }; printf good`;
  const tool = toolOf(wrong, 20_000, pinFile);
  for (let turn = 0; turn < 4; turn++) {
    expect((await failureOf(tool.sign(Buffer.from('x')))).code).toBe('failed_precondition');
  }
  expect(readFileSync(tries, 'utf8')).toBe('try\n');
  writeFileSync(pinFile, '33334444\n', { mode: 0o600 });
  expect((await tool.sign(Buffer.from('x'))).toString()).toBe('good');
});

test.each(['', 'MEUCIQ', '0'])('a signature that is none (%j) certifies nothing', async (signature) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const made = createCertificate({
    ...{ signingKey: privateKey, publicKey, uri: 'spiffe://td1', commonName: 'root', ca: {} },
    ...{ notBefore: new Date(Date.now() - 1000), notAfter: new Date(Date.now() + 86_400_000) },
  });
  writeFileSync(path('ca.pem'), made.pem);
  const given = { module: '/m', token: 't', key: '01', 'pin-file': path('pin'), certificate: path('ca.pem') };
  const options = { ...given, tool: programOf(`printf '%s' '${signature}'`) };
  const authority = await pkcs11.create({
    storage: createCaFolder(path('storage')),
    trustDomain: domainOf('td1'),
    options: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, new Redacted(value)])),
    clock: systemClock,
    log: silentLog,
  });
  const csr = createCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const request = { csr, notBefore: new Date(), notAfter: new Date(Date.now() + 60_000) };
  expect(await failureOf(authority.mintIntermediate(request))).toMatchObject({
    code: 'failed_precondition',
    message: expect.stringContaining('another key'),
  });
});
