// What may be wrong with an SVID that somebody has: a closed set, and the words of each.
import { utc } from '../cause-words.ts';

export type SvidFault =
  // Where it is.
  | { readonly kind: 'not-there'; readonly place: string; readonly why: string }
  | { readonly kind: 'no-svid-in-it'; readonly place: string; readonly holds: string }
  | { readonly kind: 'socket-dead'; readonly place: string; readonly why: string }
  | { readonly kind: 'socket-refuses'; readonly place: string; readonly why: string }
  // The certificate itself (X509-SVID §2 to §4).
  | { readonly kind: 'not-a-leaf' }
  | { readonly kind: 'no-spiffe-id'; readonly names: number }
  | { readonly kind: 'spiffe-id-malformed'; readonly uri: string; readonly why: string }
  | { readonly kind: 'other-trust-domain'; readonly has: string; readonly wants: string }
  | { readonly kind: 'usage-missing'; readonly what: string }
  | { readonly kind: 'not-of-the-key'; readonly key: string }
  | { readonly kind: 'key-unreadable'; readonly key: string; readonly why: string }
  | { readonly kind: 'key-open-to-others'; readonly key: string; readonly mode: string }
  // Times.
  | { readonly kind: 'ended'; readonly what: string; readonly at: number; readonly agoMs: number }
  | { readonly kind: 'not-yet'; readonly what: string; readonly at: number; readonly inMs: number }
  | { readonly kind: 'clock-behind'; readonly place: string; readonly byMs: number }
  // What it goes back to.
  | { readonly kind: 'chain-not-in-order'; readonly at: number }
  | { readonly kind: 'issuer-missing'; readonly issuer: string }
  | { readonly kind: 'root-replaced'; readonly root: string }
  | { readonly kind: 'other-root'; readonly issuer: string; readonly roots: readonly string[] }
  | { readonly kind: 'bundle-unreadable'; readonly bundle: string; readonly why: string }
  // A JWT-SVID (JWT-SVID §2 to §4).
  | { readonly kind: 'token-malformed'; readonly why: string }
  | { readonly kind: 'algorithm'; readonly alg: string }
  | { readonly kind: 'token-header'; readonly what: string }
  | { readonly kind: 'audience-missing' }
  | { readonly kind: 'other-audience'; readonly has: readonly string[]; readonly wants: string }
  | { readonly kind: 'no-end' }
  | { readonly kind: 'key-not-named' }
  | { readonly kind: 'key-unknown'; readonly kid: string; readonly known: readonly string[] }
  | { readonly kind: 'signature-wrong'; readonly kid: string };

export type SvidFaultName = SvidFault['kind'];

type ByKind = { readonly [K in SvidFaultName]: Extract<SvidFault, { readonly kind: K }> };
interface Words {
  readonly what: string;
  readonly toDo: string;
}

const again =
  'have it issued again: "cellwall svid fetch --dir DIR" renews a folder of its own, "cellwall certs rotate" those of all sidecars';
const newerBundle =
  'if the bundle is old, take what "serve --publish" or "svid fetch" writes ("cellwall ca status" names the roots in force)';
const noRenewal =
  '"cellwall doctor svid" says whether its renewal was refused, and why; if nobody asked, start what renews it: ' +
  '"cellwall svid fetch --watch", or its sidecar';

const words: { readonly [K in SvidFaultName]: (fault: ByKind[K]) => Words } = {
  'not-there': ({ place, why }) => ({
    what: `${place} cannot be read: ${why}`,
    toDo: 'name the file, the folder of "svid fetch --dir", or unix:/path of a Workload API; read it as the user who has it',
  }),
  'no-svid-in-it': ({ place, holds }) => ({
    what: `${place} has no SVID in it: ${holds}`,
    toDo: 'an X.509-SVID is PEM that begins with "-----BEGIN CERTIFICATE-----", a JWT-SVID three parts with "." between them',
  }),
  'socket-dead': ({ place, why }) => ({
    what: `nobody answers as a Workload API at ${place}: ${why}`,
    toDo: 'start it: "cellwall sidecar --workload-api" or "cellwall svid fetch --watch --workload-api" with this path',
  }),
  'socket-refuses': ({ place, why }) => ({
    what: `the Workload API at ${place} gives no SVID: ${why}`,
    toDo: '"cellwall doctor svid" says whether its identity was refused, "cellwall ban list" whether it, or its host, is banned',
  }),
  'not-a-leaf': () => ({
    what: "the first certificate is that of a CA, which is nobody's identity (X509-SVID §5.2)",
    toDo: 'put the certificate of the workload first, and those that issued it after it; the root belongs into the bundle',
  }),
  'no-spiffe-id': ({ names }) => ({
    what: `it has ${names === 0 ? 'no URI name' : `${names} URI names`}, and an SVID has exactly one (X509-SVID §2)`,
    toDo: 'have it issued with its SPIFFE ID as the only URI name; DNS names may stay beside it',
  }),
  'spiffe-id-malformed': ({ uri, why }) => ({
    what: `its name ${JSON.stringify(uri)} is no SPIFFE ID: ${why}`,
    toDo: 'have it issued for a SPIFFE ID, as in "spiffe://example.org/service/api"',
  }),
  'other-trust-domain': ({ has, wants }) => ({
    what: `it is of the trust domain ${has}, and ${wants} is expected`,
    toDo: `have it issued in ${wants}; if ${has} is to be let in, federate with it: docs/federation.md`,
  }),
  'usage-missing': ({ what }) => ({
    what: `its certificate must not be used so: ${what}`,
    toDo: 'have it issued with digitalSignature, clientAuth and serverAuth',
  }),
  'not-of-the-key': ({ key }) => ({
    what: `the private key in ${key} is not that of the certificate`,
    toDo: 'put the two that were written together side by side again: one of them is older; "cellwall svid fetch" replaces both at once',
  }),
  'key-unreadable': ({ key, why }) => ({
    what: `the private key in ${key} cannot be read: ${why}`,
    toDo: 'have the SVID issued again, with a key in PKCS#8 or SEC1 without a passphrase',
  }),
  'key-open-to-others': ({ key, mode }) => ({
    what: `others may read the private key in ${key} (mode ${mode}): Cellwall does not take it`,
    toDo: `chmod 0600 ${key}; if others could read it for long, have it issued again`,
  }),
  ended: ({ what, at, agoMs }) => ({
    what: `${what} ended at ${utc(at)}, ${span(agoMs)} ago by this host's clock`,
    toDo: what === 'the token' ? 'fetch another: a JWT-SVID is not renewed' : noRenewal,
  }),
  'not-yet': ({ what, at, inMs }) => ({
    what: `${what} begins at ${utc(at)}, in ${span(inMs)} by this host's clock`,
    toDo: 'compare "date -u" here and at the control plane: one clock is wrong; synchronize it (NTP), then "cellwall certs rotate"',
  }),
  'clock-behind': ({ place, byMs }) => ({
    what: `this host's clock is behind: by it ${place} was written ${span(byMs)} before what is in it begins`,
    toDo: 'synchronize this host\'s clock (NTP; "timedatectl" shows whether it is), then have the SVID issued again',
  }),
  'chain-not-in-order': ({ at }) => ({
    what: `certificate ${at + 1} of the file did not issue certificate ${at}`,
    toDo: "order them: the workload's first, then the one that issued it, and so on, without the root",
  }),
  'issuer-missing': ({ issuer }) => ({
    what: `what issued it (${issuer}) is neither in the file nor a root of the bundle`,
    toDo:
      'if that is an intermediate, put the whole chain into the file, as svid.pem of "svid fetch" has it (leaf.pem is its first ' +
      `certificate alone); if it is a root, ${newerBundle}`,
  }),
  'root-replaced': ({ root }) => ({
    what: `it goes back to a root of the name ${root} with another key than the one of the bundle: the CA was replaced, or is another one`,
    toDo: `${newerBundle}; if the bundle is the newer of the two, ${again}`,
  }),
  'other-root': ({ issuer, roots }) => ({
    what: `it goes back to ${issuer}, which is none of the roots of the bundle (${roots.join('; ') || 'it has none'})`,
    toDo: `${newerBundle}; if the certificate is the older of the two, ${again}`,
  }),
  'bundle-unreadable': ({ bundle, why }) => ({
    what: `the roots in ${bundle} cannot be read: ${why}`,
    toDo: 'give the roots as PEM, or a SPIFFE bundle as JSON: what "serve --publish" writes, or bundle.pem of "svid fetch"',
  }),
  'token-malformed': ({ why }) => ({
    what: `it is no token that can be read: ${why}`,
    toDo: 'fetch it again, and copy it whole, without spaces or line feeds in it',
  }),
  algorithm: ({ alg }) => ({
    what: `it is signed with ${alg}, which no JWT-SVID may be (JWT-SVID §2)`,
    toDo: 'it is not of a SPIFFE issuer, or forged: have it issued with ES256 (RS, PS and ES with 256, 384 or 512 are allowed)',
  }),
  'token-header': ({ what }) => ({
    what: `its header ${what}`,
    toDo: 'a JWT-SVID has alg, kid and typ alone (JWT or JOSE) in its header: fetch it from a Workload API',
  }),
  'audience-missing': () => ({
    what: 'it names no audience (aud), and a JWT-SVID names at least one (JWT-SVID §3.2)',
    toDo: 'fetch one for the audience of whoever reads it',
  }),
  'other-audience': ({ has, wants }) => ({
    what: `it is for ${quoted(has)}, and not for ${JSON.stringify(wants)}`,
    toDo: `fetch one for the audience ${JSON.stringify(wants)}: whoever reads it compares it letter by letter`,
  }),
  'no-end': () => ({
    what: 'it has no end (exp), and a JWT-SVID has one (JWT-SVID §3.3)',
    toDo: 'have it issued with exp; readers must refuse it as it is',
  }),
  'key-not-named': () => ({
    what: 'its header names no key (kid), so that a reader cannot tell which one verifies it',
    toDo: 'fetch it from a Workload API, which names the key; a token of another issuer needs kid as well',
  }),
  'key-unknown': ({ kid, known }) => ({
    what: `the key ${JSON.stringify(kid)} that it names is not in the bundle (${quoted(known) || 'it has none for tokens'})`,
    toDo: 'fetch the bundle of its trust domain again, it may be older than the key; else the token is of another trust domain',
  }),
  'signature-wrong': ({ kid }) => ({
    what: `its signature is not by the key ${JSON.stringify(kid)} of the bundle: it was changed, or another issuer names its key the same`,
    toDo: 'fetch it again from a Workload API of its own trust domain, and copy it whole',
  }),
};

export function svidFaultWords<K extends SvidFaultName>(fault: ByKind[K] & { readonly kind: K }): Words {
  return words[fault.kind](fault);
}

function quoted(texts: readonly string[]): string {
  return texts.map((one) => JSON.stringify(one)).join(', ');
}

/** Largest unit first, two of them. */
function span(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  const parts = [`${days} d`, `${hours} h`, `${minutes} min`, `${seconds % 60} s`].filter(
    (part) => !part.startsWith('0 '),
  );
  return parts.slice(0, 2).join(' ') || '0 s';
}
