// Every private key that a process makes or loads, and every token and sealing key that the product makes: written down as they come
// into being, so that they can be looked for.
import crypto from 'node:crypto';
import type { Keeper } from './keeper.ts';
import { keyValues } from './key-values.ts';
import { wrap } from './wrap.ts';

/** A line of the file `secrets`. */
export interface SecretLine {
  readonly kind: string;
  readonly hex: string;
  readonly test: string;
}

/** Tokens and sealing keys are of this many random bytes; ids, nonces and names of temporary files are of fewer. */
const tokenBytes = 32;
const makers: readonly (readonly [place: RegExp, kind: string])[] = [
  [/\/src\/admin\/token\.ts/, 'admin token'],
  [/\/src\/admin\/named-token\.ts/, 'named token'],
  [/\/src\/identity\/attestor\/join-token\.ts/, 'join token'],
  [/\/src\/identity\/sealed-table\.ts/, 'sealing key'],
  [/\/src\/identity\/bootstrap-secret\.ts/, 'bootstrap secret'],
  // Another place of the product, or its bundle; not a test.
  [/\/(?:src|dist)\//, 'token or sealing key'],
];

export interface SecretNotes {
  note(kind: string, bytes: Uint8Array): void;
}

export function noteSecrets(keeper: Keeper): SecretNotes {
  const noted = new Set<string>();
  const note = (kind: string, bytes: Uint8Array): void => {
    const hex = Buffer.from(bytes).toString('hex');
    if (noted.has(hex)) return;
    noted.add(hex);
    const line: SecretLine = { kind, hex, test: keeper.test() };
    keeper.line('secrets', line);
  };
  const { createPrivateKey } = crypto;
  const noteKey = (key: unknown): void => {
    for (const value of keyValues(key, createPrivateKey)) note('private key', value);
  };
  const privateOf = (pair: unknown): unknown =>
    typeof pair === 'object' && pair !== null ? Reflect.get(pair, 'privateKey') : undefined;

  wrap(crypto, 'randomBytes', (original) => {
    return function (this: unknown, ...args) {
      const bytes = original.apply(this, args);
      if (bytes instanceof Uint8Array && bytes.length === tokenBytes) {
        const stack = (new Error().stack ?? '').split('\n').filter((line) => !line.includes('node_modules'));
        const maker = makers.find(([place]) => stack.some((line) => place.test(line)));
        if (maker !== undefined) note(maker[1], bytes);
      }
      return bytes;
    };
  });
  wrap(crypto, 'createPrivateKey', (original) => {
    return function (this: unknown, ...args) {
      const key = original.apply(this, args);
      noteKey(key);
      return key;
    };
  });
  wrap(crypto, 'createECDH', (original) => {
    return function (this: unknown, ...args) {
      const curve = original.apply(this, args);
      if (!(curve instanceof crypto.ECDH)) return curve;
      wrap(curve, 'generateKeys', (generate) => {
        return (...how) => {
          const point = generate.apply(curve, how);
          note('private key', curve.getPrivateKey());
          return point;
        };
      });
      return curve;
    };
  });
  wrap(crypto, 'generateKeyPairSync', (original) => {
    return function (this: unknown, ...args) {
      const pair = original.apply(this, args);
      noteKey(privateOf(pair));
      return pair;
    };
  });
  wrap(crypto, 'generateKeyPair', (original) => {
    return function (this: unknown, ...args) {
      const done = args.at(-1);
      if (typeof done !== 'function') return original.apply(this, args);
      const noting = (...results: unknown[]): unknown => {
        noteKey(results[2]);
        return Reflect.apply(done, undefined, results);
      };
      return original.apply(this, [...args.slice(0, -1), noting]);
    };
  });
  wrap(Object.getPrototypeOf(crypto.webcrypto.subtle), 'generateKey', (original) => {
    return function (this: unknown, ...args) {
      const making = original.apply(this, args);
      if (!(making instanceof Promise)) return making;
      return making.then((pair: unknown) => {
        noteKey(privateOf(pair));
        return pair;
      });
    };
  });
  return { note };
}
