// A key on a PKCS#11 token, used by a helper process: OpenSC's `pkcs11-tool`, started for each use. The module of the token's maker runs
// there and nowhere else: if it crashes or hangs, this process does not.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { Redacted } from '../../lib/redacted.ts';
import { readSecretFile } from '../secret-file.ts';

export interface Pkcs11Key {
  /** File of the module (a shared library). */
  readonly module: string;
  /** Label of the token. */
  readonly token: string;
  /** ID of the key on it (CKA_ID, hex): the helper chooses a key that signs by nothing else. */
  readonly key: string;
  /** File (0600) of the user's PIN; read at each signature. */
  readonly pinFile: string;
  /** The helper's command. Default: `pkcs11-tool`. */
  readonly tool?: string;
  /** A helper that takes longer is ended. Default: 20,000. */
  readonly limitMs?: number;
}

export interface Pkcs11Tool {
  /**
   * ECDSA over the SHA-256 of `bytes`, as DER; who asked verifies it. Throws `unavailable` if the token is away, or the helper crashed or
   * took too long; `failed_precondition` for what an operator has to mend.
   */
  sign(bytes: Uint8Array): Promise<Buffer>;
  /** Without the PIN: some tokens show it only with one, and then this throws. */
  publicKey(): Promise<KeyObject>;
}

const mostBytes = 65_536;
/** The PIN comes by a pipe: arguments are there for every user of the host to read. */
const shell = 'IFS= read -r CELLWALL_PIN <&3; export CELLWALL_PIN; exec "$@" 3<&-';

export function createPkcs11Tool(of: Pkcs11Key): Pkcs11Tool {
  const { module, token, key, pinFile, tool = 'pkcs11-tool', limitMs = 20_000 } = of;
  const where = `the key ${key} of the token "${token}"`;
  let refusedPin: Redacted<string> | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  /** One after the other: two sessions at once are more than some modules take. */
  function run(args: readonly string[], input: Uint8Array, pin: Redacted<string> | undefined): Promise<Buffer> {
    const common = ['--module', module, '--token-label', token, '--id', key];
    const login = pin === undefined ? [] : ['--login', '--pin', 'env:CELLWALL_PIN'];
    const next = turn.then(() => oneRun([tool, ...common, ...login, ...args], input, pin));
    turn = next.catch(() => {});
    return next;
  }

  function oneRun(command: readonly string[], input: Uint8Array, pin: Redacted<string> | undefined): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      // A group of its own, so that whatever it starts ends with it.
      const child = spawn('/bin/sh', ['-c', shell, 'sh', ...command], {
        stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
        detached: true,
      });
      let late = false;
      const limit = setTimeout(() => {
        late = true;
        end(child);
      }, limitMs);
      const out = collect(child, 'stdout');
      const said = collect(child, 'stderr');
      child.on('error', ({ message }) => {
        clearTimeout(limit);
        reject(unavailable(`${where}: the helper cannot be started: ${message}`));
      });
      child.on('close', (code, signal) => {
        clearTimeout(limit);
        // What it started may live on, and holds the token.
        end(child);
        if (late) reject(unavailable(`${where}: no answer within ${limitMs / 1000} s; the helper was ended`));
        else if (signal !== null || (code !== null && code > 128)) {
          reject(unavailable(`${where}: the helper crashed (${signal ?? `code ${code}`})`));
        } else if (code === 0) resolve(out());
        else reject(failure(code ?? 0, said().toString('latin1'), pin));
      });
      // It may end before it has read them.
      child.stdin?.on('error', () => {}).end(input);
      const pipe = child.stdio[3];
      if (pipe !== null && pipe !== undefined && 'write' in pipe)
        pipe.on('error', () => {}).end(`${pin?.reveal() ?? ''}\n`);
    });
  }

  /** What the helper says is not printed: a module may write anything. Only what is known in it counts. */
  function failure(code: number, said: string, pin: Redacted<string> | undefined): CellwallError {
    const [name] = /CKR_[A-Z0-9_]{1,60}/.exec(said) ?? [];
    if (code === 127 || code === 126) {
      return wrong(
        `${tool} cannot be run`,
        'install it (Debian and Ubuntu: opensc), or name it with the option "tool"',
      );
    }
    if (name?.startsWith('CKR_PIN_') === true) {
      refusedPin = pin;
      return wrong(
        `the token refuses the PIN (${name})`,
        `it is not tried again until ${pinFile} has another one: some tokens lock themselves after three`,
      );
    }
    if (/failed to load pkcs11 module/i.test(said)) return wrong(`${module} is no PKCS#11 module that can be loaded`);
    if (/no slot with token named/i.test(said)) return unavailable(`${where}: the token is not there`);
    if (/(private key|object) not found/i.test(said)) return wrong('the token has no such key that may sign');
    return unavailable(`${where}: the helper failed (${name ?? `code ${code}`})`);
  }

  function wrong(what: string, hint?: string): CellwallError {
    return new CellwallError('failed_precondition', `${where}: ${what}`, hint === undefined ? {} : { hint });
  }

  function readPin(): Redacted<string> {
    const pin = readSecretFile(pinFile).trim();
    if (pin === '' || /[\r\n\0]/.test(pin)) throw wrong(`${pinFile} does not hold one PIN`);
    if (pin === refusedPin?.reveal()) throw wrong('the token refused this PIN', `write the right one to ${pinFile}`);
    return new Redacted(pin);
  }

  return {
    async sign(bytes) {
      const digest = createHash('sha256').update(bytes).digest();
      return run(['--sign', '--mechanism', 'ECDSA', '--signature-format', 'openssl'], digest, readPin());
    },
    async publicKey() {
      const der = await run(['--read-object', '--type', 'pubkey'], Buffer.alloc(0), undefined);
      try {
        return createPublicKey({ key: der, format: 'der', type: 'spki' });
      } catch {
        throw wrong('what the token says of its public key cannot be read');
      }
    },
  };
}

function collect(child: ChildProcess, from: 'stdout' | 'stderr'): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  child[from]?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= mostBytes) chunks.push(chunk);
    else end(child);
  });
  return () => Buffer.concat(chunks);
}

function end({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
}

function unavailable(message: string): CellwallError {
  return new CellwallError('unavailable', message, {
    hint: 'is the token there, and does its module answer? pkcs11-tool -L',
  });
}
