// A stand-in for AWS IAM Roles Anywhere: takes `CreateSession`, checks the certificate against the trust anchor and the signature over the
// request by the certificate's key, and answers with credentials that expire.
// https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-sign-process.html
import { createHash, verify, X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RolesAnywhere {
  readonly url: string;
  /** Of every session: the URI SAN of the certificate. */
  readonly sessions: readonly string[];
  /** Why requests were refused. */
  readonly refused: readonly string[];
  close(): Promise<void>;
}

/** `anchor`: PEM of the roots. */
export async function startRolesAnywhere(anchor: string): Promise<RolesAnywhere> {
  const roots = (anchor.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
  const sessions: string[] = [];
  const refused: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { headers, method = '', url = '' } = request;
      const header = (name: string): string => String(headers[name] ?? '');
      const refuse = (why: string): void => {
        refused.push(why);
        response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify({ message: why }));
      };
      const scopes = String.raw`(\d{8}/[\w-]+/rolesanywhere/aws4_request)`;
      const form = String.raw`^(AWS4-X509-ECDSA-SHA256) Credential=(\d+)/${scopes}, SignedHeaders=([\w;-]+), Signature=([0-9a-f]+)$`;
      const authorization = new RegExp(form);
      const [, algorithm = '', serial = '', scope = '', names = '', signature = ''] =
        authorization.exec(header('authorization')) ?? [];
      if (algorithm === '') return refuse('no signature of this kind');
      const signed = names.split(';');
      if (!['host', 'x-amz-date', 'x-amz-x509'].every((name) => signed.includes(name)))
        return refuse('too little is signed');
      const leaf = new X509Certificate(Buffer.from(header('x-amz-x509'), 'base64'));
      if (BigInt(`0x${leaf.serialNumber}`).toString() !== serial) return refuse('another serial');
      const above = header('x-amz-x509-chain')
        .split(',')
        .filter((text) => text !== '')
        .map((text) => new X509Certificate(Buffer.from(text, 'base64')));
      const path = [leaf, ...above];
      const linked = path.every((one, index) => {
        const issuers = path[index + 1] === undefined ? roots : [path[index + 1]];
        return issuers.some(
          (issuer) => issuer !== undefined && one.checkIssued(issuer) && one.verify(issuer.publicKey),
        );
      });
      if (!linked) return refuse('not of the trust anchor');
      if (leaf.validToDate.getTime() < Date.now()) return refuse('the certificate has ended');
      const hash = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
      const lines = signed.map((name) => `${name}:${header(name).trim().replace(/ +/g, ' ')}`).join('\n');
      const [where = '', query = ''] = url.split('?');
      const canonical = [method, where, query, lines, '', names, hash(Buffer.concat(chunks))].join('\n');
      const text = [algorithm, header('x-amz-date'), scope, hash(canonical)].join('\n');
      if (!verify('sha256', Buffer.from(text), leaf.publicKey, Buffer.from(signature, 'hex')))
        return refuse('the signature is not of that key');
      const id = /URI:(\S+?)(?:,|$)/.exec(leaf.subjectAltName ?? '')?.[1] ?? '';
      sessions.push(id);
      const expiration = new Date(Math.min(leaf.validToDate.getTime(), Date.now() + 3_600_000)).toISOString();
      const credentials = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'secret', sessionToken: 'token', expiration };
      response
        .writeHead(201, { 'content-type': 'application/json' })
        .end(JSON.stringify({ credentialSet: [{ credentials }] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // A server that listens on TCP has an AddressInfo.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ sessions, refused },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
