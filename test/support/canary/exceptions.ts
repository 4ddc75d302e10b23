// Where a secret stands by design. The list is closed: what is not in it fails the run, and so does an entry that a whole run has no
// use for.

/** A secret that was found. */
export interface Place {
  readonly kind: string;
  readonly label: string;
  readonly test: string;
  readonly secret: string;
  /** Only its owner may read it; false for what is no file. */
  readonly isPrivate: boolean;
  /** A little of what stands before it. */
  readonly before: string;
}

/** What runs: `npm test`, `npm run test:system`, or another config. */
export type Suite = 'tests' | 'system' | 'other';

export interface Exception {
  readonly reason: string;
  /** The suite whose whole run has a use for it. Default: `tests`. */
  readonly suite?: Suite;
  readonly kind: RegExp;
  readonly label?: RegExp;
  readonly secret: RegExp;
  /** Holds only for files that nobody but their owner may read. */
  readonly privately?: true;
  readonly before?: RegExp;
  readonly test?: RegExp;
}

/** The files in which the product keeps secrets: readable by their owner alone. */
const own = (reason: string, secret: RegExp, label: RegExp): Exception => ({
  ...{ reason, secret, label },
  kind: /^file$/,
  privately: true,
});
const key = /^private key$/;
const adminToken = /^(?:admin token|token in a file)$/;

export const exceptions: readonly Exception[] = [
  // A folder of the authority has a random name until it is whole.
  own(
    "the authority's own keys",
    key,
    /\/(?:root|(?:issuers|signer)\/\d+|roots\/[0-9a-f]{16})(?:\.[0-9a-f]{12})?\/key\.pem$/,
  ),
  own('SVIDs of the control plane, over its restarts', key, /\/svids\.db$/),
  own('the keys of JWT-SVIDs', key, /\/jwt-keys\.json$/),
  own('the admin token', adminToken, /\/admin\.token$/),
  own('the sealing key', /^(?:sealing key|token in a file)$/, /\/seal\.key$/),
  own(
    'the bootstrap secret, with the sealing key of an installation that existed before',
    /^(?:bootstrap secret|sealing key|token or sealing key|token in a file)$/,
    /\/bootstrap-secret[^/]*$/,
  ),
  own("a sidecar's node key", key, /\/node-key\.pem$/),
  own('the SVID of a sidecar or an application', key, /\/version-[0-9a-f]{12}\/key\.pem$/),
  own('the SVID as Envoy reads it for its xDS connection', key, /\/xds-certificate\.json$/),
  own('throw-away keys in the bootstrap of an Envoy that checks or tests', key, /\/bootstrap\.json$/),
  own('a join token where an operator puts it', /^(?:join token|token in a file)$/, /\/join\.token$/),

  {
    reason: 'who asks for a join token is told it',
    kind: /^answer$/,
    label: /^POST \/v1\/tokens$/,
    secret: /^join token$/,
    before: /"token":"cw[12]\.$/,
  },
  {
    reason: 'who asks for a named token is told it',
    kind: /^answer$/,
    label: /^POST \/v1\/admin-tokens$/,
    secret: /^named token$/,
    before: /"token":"cwa1\.[a-z][a-z0-9-]*\.$/,
  },
  {
    reason: '`cellwall token create` prints it',
    kind: /^stdout$/,
    label: / cellwall\.cjs token$/,
    secret: /^join token$/,
    before: /cw[12]\.$/,
  },
  {
    reason: '`cellwall admin-token create` prints it',
    kind: /^stdout$/,
    label: /^cellwall admin-token in the test$/,
    secret: /^named token$/,
    before: /cwa1\.[a-z][a-z0-9-]*\.$/,
  },
  {
    reason:
      'who calls the admin API shows his token; whoever else listens there is the matter of test/adversary/local/admin-port.test.ts',
    kind: /^request$/,
    secret: /^(?:admin|named) token$/,
    before: /authorization: (?:Bearer|Basic) (?:cwa1\.[a-z][a-z0-9-]*\.)?$/i,
  },

  {
    reason:
      'who signs in to the page is given both halves of a session, or a code that opens one once, within a minute',
    kind: /^answer$/,
    label: /^(?:POST \/v1\/session(?:\/code)?|GET \/v1\/sign-in\/oidc\/callback)$/,
    secret: /^token or sealing key$/,
    before: /(?:"session":"[\w-]{11}\.|set-cookie: cellwall-session-[\w-]{11}=|(?:"code":"|#code=)cwp1\.)$/i,
  },
  {
    reason: 'a browser shows both halves, or the code',
    kind: /^request$/,
    secret: /^token or sealing key$/,
    before: /(?:x-cellwall-session: [\w-]{11}\.|(?:cookie: |; )cellwall-session-[\w-]{11}=|Bearer cwp1\.)$/i,
  },
  {
    reason: 'the protocol by which a test drives its browser tells what that browser sends and is sent',
    suite: 'system',
    kind: /^socket$/,
    secret: /^(?:admin token|named token|token or sealing key)$/,
    test: /^test\/system\/(?:page(?:-looks|-scale)?|sign-in)\.test\.ts$/,
  },
  {
    reason: '`cellwall page` prints an address with such a code',
    kind: /^stdout$/,
    label: /^cellwall page in the test$/,
    secret: /^token or sealing key$/,
    before: /#code=cwp1\.$/,
  },

  {
    reason: 'tests open a key to others, to see it refused',
    kind: /^file$/,
    label: /\/(?:key\.pem|jwt-keys\.json)$/,
    secret: key,
    test: /^test\/(?:identity\/(?:built-in|jwt)|sidecar\/svid-fetch)\.test\.ts$/,
  },
  {
    reason: 'keys of others, as an operator has them in files',
    kind: /^file$/,
    label: /\/(?:host|tls)\.key$/,
    secret: key,
    test: /^test\/(?:sidecar\/attest|identity\/disk-authority)\.test\.ts$/,
  },
  {
    reason: 'a bootstrap secret in the file that a command was told to write',
    kind: /^file$/,
    label: /\/secret(?:-\d+)?$/,
    secret: /^(?:bootstrap secret|token or sealing key|token in a file)$/,
    privately: true,
    test: /^test\/(?:cli\/catalog|deploy\/compose)\.test\.ts$/,
  },
  {
    reason: 'the key of a provisioner of step-ca, as an operator has it in a file',
    kind: /^file$/,
    label: /\/step\.jwk$/,
    secret: key,
    privately: true,
    test: /^test\/identity\/remote-authorities\.test\.ts$/,
  },
  {
    reason: 'join tokens in the files that sidecars are started with',
    kind: /^file$/,
    label: /\/sidecar-\d+\.token$/,
    secret: /^(?:join token|token in a file)$/,
    privately: true,
    test: /^test\/identity\/token-retirement\.test\.ts$/,
  },
  {
    reason: 'keys of JWT-SVIDs in files of a test’s names, and of the certificate of a port',
    kind: /^file$/,
    label: /\/(?:one|two|three|tls-key\.pem)$/,
    secret: key,
    privately: true,
    test: /^test\/(?:identity|serve)\/oidc\.test\.ts$/,
  },
  {
    reason: 'a test has a second control plane in a file of another name',
    kind: /^file$/,
    label: /\/other\.json$/,
    secret: key,
    privately: true,
    test: /^test\/identity\/jwt\.test\.ts$/,
  },
  {
    reason:
      'a test opens the SVIDs of the control plane to others, and puts a link in their place, to see them refused',
    kind: /^file$/,
    label: /\/svids\.db(?:\.elsewhere)?$/,
    secret: key,
    test: /^test\/identity\/svid-store\.test\.ts$/,
  },
  {
    reason: 'a pipeline keeps its named token in a file of its owner',
    kind: /^file$/,
    label: /\/token$/,
    secret: /^named token$/,
    privately: true,
    test: /^test\/deploy\/gitlab-ci\.test\.ts$/,
  },
  {
    reason: 'tests open an admin token to others, to see it refused',
    kind: /^file$/,
    label: /\/admin\.token$/,
    secret: adminToken,
    test: /^test\/(?:admin\/token|cli\/admin-commands)\.test\.ts$/,
  },
  {
    reason: 'an authority that a test makes up keeps its key in a file of its owner',
    kind: /^file$/,
    label: /\/paper\/issuing\/key\.pem$/,
    secret: key,
    privately: true,
    test: /^test\/seams\/authority\//,
  },
  {
    reason: 'a system test keeps the keys of its roots, of every kind, in files of its owner',
    suite: 'system',
    kind: /^file$/,
    label: /\/key-\d\.pem$/,
    secret: key,
    privately: true,
    test: /^test\/system\/trust-bundle\.test\.ts$/,
  },
  {
    reason: 'system tests keep keys of SVIDs, and of the certificate of a port, in files of their owner',
    suite: 'system',
    kind: /^file$/,
    label: /\/(?:svid-\d+-\d+\/key|tls-key)\.pem$/,
    secret: key,
    privately: true,
    test: /^test\/system\/(?:federation|nginx-reload|oidc)\.test\.ts$/,
  },
  {
    reason: 'a script of a job makes a key of its own, as a control: it opens nothing',
    suite: 'system',
    kind: /^file$/,
    label: /\/other\.pem$/,
    secret: key,
    test: /^test\/system\/gitlab-svid\.test\.ts$/,
  },
  {
    reason: 'a system test puts join tokens where an operator would',
    suite: 'system',
    kind: /^file$/,
    label: /\/(?:client|sidecar-1)\.token$/,
    secret: /^(?:join token|token in a file)$/,
    privately: true,
    test: /^test\/system\/real-clients\.test\.ts$/,
  },
  {
    reason: '`cellwall token create` prints it to a system test',
    suite: 'system',
    kind: /^stdout$/,
    label: /^node cellwall\.cjs token$/,
    secret: /^(?:join token|token in a file)$/,
    before: /cw[12]\.$/,
    test: /^test\/system\/real-clients\.test\.ts$/,
  },
  {
    reason: 'tests write keys of their own for servers of their own',
    kind: /^file$/,
    label: /\/(?:tls-)?key\.pem$/,
    secret: key,
    test: /^test\/(?:serve\/admin-tls|xds\/envoy|store\/redis-kinds|cli\/doctor-svid)\.test\.ts$/,
  },
  {
    reason: 'a test puts a token where a document should be, for the control plane to complain of',
    kind: /^file$/,
    label: /\/documents\/stray\.yaml$/,
    secret: /^admin token$/,
    test: /^test\/adversary\/local\/canary\.test\.ts$/,
  },
];

export function allows(exception: Exception, place: Place): boolean {
  const { kind, label = /^/, secret, privately, before = /^/, test = /^/ } = exception;
  return (
    kind.test(place.kind) &&
    label.test(place.label) &&
    secret.test(place.secret) &&
    (privately !== true || place.isPrivate) &&
    before.test(place.before) &&
    test.test(place.test)
  );
}
