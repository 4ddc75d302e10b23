// Every CA backend and every attestor, against the one contract of its kind and the faults of its other end.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const kindItems: readonly Item[] = [
  fromTests({
    name: 'authorities',
    line:
      'Every CA backend against the one contract; every remote one, by a stand-in, with an other end that is away, slow, hangs up, ' +
      'answers nonsense, certifies another key, root or trust domain, a leaf, or by a clock that is wrong; the helper of a token that ' +
      'crashes and hangs',
    bound:
      'the contract holds; in each fault the intermediate in use stays and no secret is said; afterwards the next one is had',
    files: [
      'authorities',
      'remote-authorities',
      'spire-authority',
      'disk-authority',
      'pkcs11-tool',
      'local-signer',
    ].map((name) => `test/identity/${name}.test.ts`),
    limitMinutes: 15,
  }),
  fromTests({
    name: 'authorities-real',
    line: "The contract against what others run: OpenBao, step-ca's own server, the wire of AWS (moto), SoftHSM by OpenSC",
    bound:
      'the contract holds; a wrong PIN is tried once, a token that is away or has another key changes nothing; what step-ca refuses, or ' +
      'gives that is no CA, is found out',
    files: ['upstream-authorities', 'step-ca', 'pkcs11'].map((name) => `test/system/${name}.test.ts`),
    // step-ca is built once a machine.
    limitMinutes: 45,
  }),
  fromTests({
    name: 'attestors',
    line:
      'Every attestor against the one contract, with forged, changed, late and copied evidence; issuers and API servers that are away or ' +
      'answer nonsense; evidence that no selector matches',
    bound: 'only what is proved is believed; each refusal is on record with the selector that failed, and no secret',
    files: [
      ...['attestors', 'foreign-attestors', 'token-review', 'gitlab-id-token'].map(
        (name) => `test/identity/${name}.test.ts`,
      ),
      ...['policy/why-no-identity', 'identity-api/refused-svids'].map((name) => `test/${name}.test.ts`),
    ],
    limitMinutes: 15,
  }),
  fromTests({
    name: 'attestors-real',
    line: "Pods of a real cluster: Kubernetes' own API server, asked about their tokens (TokenReview), and by its keys",
    bound:
      'the contract holds; only what the API server says is believed, nothing of a pod that is gone; while it may not be asked, is ' +
      'somebody else or hangs, refused for now',
    files: ['test/system/token-review.test.ts'],
    // It is built once a machine.
    limitMinutes: 90,
  }),
];
