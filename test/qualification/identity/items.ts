// Identities that come back, and certificates that are what they should be.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';
import { faultsItem } from './faults.ts';
import { kindItems } from './kinds.ts';
import { spireFederation } from './spire/federation.ts';
import { spireUpstream } from './spire/upstream.ts';

const rotationFile = 'test/identity/roots/rotation-world.test.ts';
const recoveryFile = 'test/identity/recovery.test.ts';
const banFile = 'test/identity/ban-one-host.test.ts';
const jwtFile = 'test/identity/jwt.test.ts';
const certificatesFile = 'test/identity/certificates.test.ts';

export const identityItems: readonly Item[] = [
  fromTests({
    name: 'recovery',
    line:
      'A control plane that is killed and stays away for three lifetimes of SVIDs, three times: HTTP/1.1, HTTP/2, gRPC and TCP to ' +
      'two replicas, a permissive service and a load balancer that pulls its secrets, all of them real processes that nobody touches',
    bound:
      'calls fail when certificates have ended, not before, and helpers say so as errors; all work within 10 s of its return, in the ' +
      'same processes; control: the same calls where no certificate is needed, 0 failed',
    files: [recoveryFile],
    only: 'three lifetimes|harms nobody',
  }),
  fromTests({
    name: 'outage-40',
    line: 'The same while the control plane is away for 40 % of a life, from the moment at which certificates are about to be renewed',
    bound: '0 failed requests',
    files: [recoveryFile],
    only: '40 %',
  }),
  fromTests({
    name: 'ban-one-host',
    line:
      'A ban of one of two hosts of an identity with 50 proxies, four of them real Envoys: its HTTP requests on an open connection, its ' +
      'gRPC streams and TCP connections, in its own chains and in shared ones; the other host calls all the time, through its sidecar, ' +
      'over HTTP/1.1, HTTP/2 and TCP; lifted again, 100 times',
    bound:
      'next request refused < 1 s, streams and TCP cut < 5 s, in each round, half of them < 3 s; 0 failed calls of the other host; ' +
      'control: as long without a ban, nothing ends',
    files: [banFile],
    limitMinutes: 25,
  }),
  fromTests({
    name: 'keys-at-home',
    line:
      'Sidecars whose helpers keep the keys of their Envoys: calls through 20 renewals; documents that say `pushed`, and `local` ' +
      'again, under load; a restart without the control plane; a ban and its end; an Envoy without a helper beside them; what the ' +
      'control plane has on its disk and answers is searched for the key; what their helpers cost',
    bound:
      '0 failed calls through renewals and changes; no certificate of a pushed key, and no key of a helper found; the certificate ' +
      'that `status` shows is the one in the file; a banned host has none that is trusted, and its own again after; the median of the ' +
      'own memory of helpers that keep keys is at most 5 % above that of helpers beside pushed keys, at the same time; control: the ' +
      'same with pushed keys',
    files: ['test/identity/keys-at-home.test.ts', 'test/sidecar/helper-memory.test.ts'],
    limitMinutes: 15,
  }),
  fromTests({
    name: 'certificates',
    line: '100,000 certificates for random identities, names, hosts, keys and lifetimes, each read by OpenSSL, some by a library too',
    bound: 'each to the letter of X509-SVID, for exactly what was attested, ending before its issuer; no serial twice',
    files: [certificatesFile],
    limitMinutes: 25,
  }),
  fromTests({
    name: 'jwt-svids',
    line: '20,000 JWT-SVIDs for random audiences at random moments, over a day and more, each verified by other code than what signed it',
    bound:
      'each to the letter of JWT-SVID, for exactly what was attested; no serial (`jti`) twice; its key among those that are published',
    files: [jwtFile],
    limitMinutes: 15,
  }),
  fromTests({
    name: 'renewals-first',
    line:
      'A storm of 1,000 new hosts at an authority that signs 25 a second, beside 200 SVIDs that live for a minute and are renewed ' +
      'meanwhile; a clock that is moved',
    bound: 'none of the 200 ends, all 1,000 join; control: in the order in which they asked, some end',
    files: ['test/identity/signing-turns.test.ts'],
  }),
  fromTests({
    name: 'root-rotation',
    line:
      'The root of the CA is replaced again and again under load: HTTP/1.1, HTTP/2, gRPC and TCP through sidecars to two replicas, load ' +
      'balancers that pull their secrets in both variants of xDS, a permissive service; SVIDs live for 40 s',
    bound:
      '0 failed of ≥ 20,000 of each protocol and of each load balancer, and none of any other call; control: the same load without a ' +
      'rotation',
    files: [rotationFile],
    only: 'replaced under load',
    limitMinutes: 25,
  }),
  fromTests({
    name: 'rotation-files',
    line:
      'The same with a real nginx whose certificate, key and roots are files of `svid fetch --watch --on-renew reload.sh`: a ' +
      "sidecar's Envoy calls it, and it calls another one's, each verifying the other",
    bound: '0 failed of ≥ 20,000 each way; control: the same load without a rotation',
    files: ['test/system/rotation-nginx.test.ts'],
    limitMinutes: 25,
  }),
  fromTests({
    name: 'rotation-gate',
    line:
      'With one process paused (SIGSTOP), a proxy, its helper, each kind of load balancer, a client with files, one at a time, the ' +
      'rotation waits; then a client that does not read its files again, and the old root is gone; and a helper whose `--on-renew` fails',
    bound:
      'held up in `publish` by its name and by nobody else, for 10 s; by what is seen in use in `renew`; after the removal the old ' +
      'certificate is refused at every port, with and without a session of before; control: the renewed one is taken',
    files: [rotationFile, 'test/serve/on-renew-gate.test.ts'],
    only: 'waits for|a command that fails',
    limitMinutes: 20,
  }),
  fromTests({
    name: 'rotation-crash',
    line: 'The control plane is killed (kill -9) in each of the six phases of a rotation; and, in one process, ends between any two writes',
    bound:
      'killed in every phase, as the record on its disk says; each rotation goes on and ends with the new root; 0 failed requests',
    files: [rotationFile, 'test/identity/roots/sudden-end.test.ts'],
    only: 'kill -9|any two writes',
    limitMinutes: 20,
  }),
  fromTests({
    name: 'federation',
    line:
      'Foreign trust domains at real Envoys: callers over HTTP and TCP, named exactly and by a prefix, with several URI names and ' +
      'with names that are no SPIFFE ID; a server elsewhere; bundles that are fetched from endpoints that lie, go back, or are away, ' +
      'over restarts and by replicas; 500 hostile bundles; two control planes that federate with each other',
    bound:
      'whom a rule names is let in, nobody else, as `explain` says; each root vouches for its own trust domain alone; the last good ' +
      'bundle stays',
    files: [
      'test/federation/foreign-callers.test.ts',
      'test/federation/foreign-server.test.ts',
      'test/federation/foreign-bundles.test.ts',
      'test/federation/hostile-bundles.test.ts',
      'test/federation/endpoint.test.ts',
      'test/serve/federation.test.ts',
    ],
  }),
  fromTests({
    name: 'federation-go-spiffe',
    line: 'go-spiffe, unmodified, at both ends of a bundle endpoint (https_spiffe)',
    bound:
      'it fetches our bundle, with the keys of JWT-SVIDs, and we fetch its; whoever proves to be somebody else is refused',
    files: ['test/system/federation.test.ts'],
  }),
  faultsItem([rotationFile, recoveryFile, banFile, certificatesFile, jwtFile]),
  fromTests({
    name: 'rotation-replicas',
    line:
      'Two control planes on one Redis replace the root under load (HTTP/1.1, HTTP/2, gRPC and TCP through real Envoys): one of them is ' +
      'killed (kill -9) in each phase, one stands still; and in one process three of them, each of which ends or stands still between ' +
      'any two writes, in 400 random orders',
    bound:
      '0 failed calls; another one goes on; both show the same; whoever stands still holds it up by name; no proxy ever refuses another, ' +
      'never more than one new root',
    files: ['test/serve/rotation-replicas.test.ts', 'test/identity/roots/rotation-replicas.test.ts'],
    limitMinutes: 40,
  }),
  fromTests({
    name: 'rotation-cells',
    line:
      'The root is replaced at a control plane that two cells with control planes of their own follow, under load: HTTP/1.1 and TCP ' +
      'through real Envoys, within a cell and from one to the other; a control plane of a cell that stands still, an Envoy in a cell, a ' +
      'client of a cell that does not renew; back again, and compromised; kill -9 of the parent and of a cell in each phase',
    bound:
      '0 failed of ≥ 3,000 calls each way and protocol, and while it goes back and is killed; the gate is held by the name of the cell ' +
      'and of what is in it, for 8 s; after the removal the old certificate is refused in both cells, the renewed one is taken; whom a ' +
      'compromised root left behind is named and comes back with a new token; control: the same load without a rotation',
    files: ['test/identity/roots/rotation-cells.test.ts'],
    limitMinutes: 40,
  }),
  ...kindItems,
  spireFederation,
  spireUpstream,
];
