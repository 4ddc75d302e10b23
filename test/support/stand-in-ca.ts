// A CA that others run, for tests: it certifies intermediates as the APIs of clouds are documented to, and can be told to misbehave.
import 'reflect-metadata';
import { createPublicKey, randomUUID, type webcrypto } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const day = 86_400_000;

export interface Wanted {
  /** PEM, SubjectPublicKeyInfo or PKCS#10. */
  readonly key: string;
  readonly commonName: string;
  readonly uri: string;
  readonly notAfter: Date;
  /** Default: a minute ago. */
  readonly notBefore?: Date;
  /** Default: true. */
  readonly isCa?: boolean;
  /** By a root that nobody was told of. Default: false. */
  readonly byAnother?: boolean;
}

/** How it answers every call: a status, never, with an end of the connection, or with something else. */
export type Failing = number | 'never' | 'hang-up' | 'nonsense';

export interface StandInCa {
  /** PEM. */
  readonly root: string;
  readonly address: string;
  /** What was asked, newest last. */
  readonly asked: {
    readonly method: string;
    readonly path: string;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
  }[];
  /** Until it is undefined again. */
  failing: Failing | undefined;
  /** What it certifies instead of what was wanted. */
  change: (wanted: Wanted) => Wanted;
  close(): Promise<void>;
}

/** PEM of the intermediate, by what was asked. */
export type Mint = (wanted: Wanted) => Promise<string>;
/** The answer to a call; undefined: there is no such route. */
export type Api = (
  call: { readonly path: string; readonly headers: IncomingMessage['headers']; readonly body: string },
  mint: Mint,
  root: string,
) => Promise<string | undefined>;

export async function startStandInCa(api: Api): Promise<StandInCa> {
  const [own, another] = [await makeRoot(), await makeRoot()];
  const standIn: Omit<StandInCa, 'address' | 'close'> = {
    root: own.root.toString('pem'),
    asked: [],
    failing: undefined,
    change: (same) => same,
  };
  const mint: Mint = async (asked) => {
    const wanted = standIn.change(asked);
    return (await certify(wanted.byAnother === true ? another : own, wanted)).toString('pem');
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const call = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() };
      standIn.asked.push({ method: request.method ?? '', ...call });
      const { failing } = standIn;
      if (failing === 'never') return;
      if (failing === 'hang-up') return void request.socket.destroy();
      if (failing === 'nonsense') return void response.writeHead(200).end('{"secret": "stays here"');
      if (failing !== undefined) return void response.writeHead(failing).end('{"secret": "stays here"}');
      api(call, mint, standIn.root).then(
        (answer) => void response.writeHead(answer === undefined ? 404 : 200).end(answer),
        (reason: unknown) => void response.writeHead(400).end(String(reason)),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(standIn, {
    address,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}

interface Root {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly root: X509Certificate;
}

async function makeRoot(): Promise<Root> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const root = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=stand-in root',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 3650 * day),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { keys, root };
}

async function certify({ root, keys }: Root, wanted: Wanted): Promise<X509Certificate> {
  const { key, commonName, uri, notAfter, notBefore = new Date(Date.now() - 60_000), isCa = true } = wanted;
  const publicKey = key.includes('REQUEST')
    ? await new Pkcs10CertificateRequest(key).publicKey.export()
    : await crypto.subtle.importKey(
        'spki',
        new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' })),
        algorithm,
        true,
        ['verify'],
      );
  return X509CertificateGenerator.create({
    serialNumber: randomUUID().replaceAll('-', ''),
    subject: `CN=${commonName}`,
    issuer: root.subject,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: keys.privateKey,
    extensions: [
      new BasicConstraintsExtension(isCa, isCa ? 0 : undefined, true),
      new KeyUsagesExtension(isCa ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature, true),
      new SubjectAlternativeNameExtension([{ type: 'url', value: uri }]),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
}
