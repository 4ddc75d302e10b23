// Who was given an identity, who was refused one, and who was thrown out: events of the audit log.
import { z } from 'zod';
import { author, isoTime, nodeKey, proved, reason, texts } from './fields.ts';

const issued = z.object({
  serial: z.string(),
  spiffeId: z.string(),
  notAfter: isoTime,
  how: z.string().exactOptional().describe('attested, node-key, renewed, stream or own.'),
  attestor: z.string().exactOptional(),
  nodeKey: nodeKey.exactOptional(),
  node: z.string().exactOptional().describe('The proxy that it was made for.'),
  address: z.string().exactOptional().describe('From where it was asked for.'),
});

export const identityEvents = [
  z
    .object({ kind: z.literal('certificates-issued'), issued: z.array(issued).readonly() })
    .describe('X.509-SVIDs of about the last second.'),
  z
    .object({
      kind: z.literal('host-attested'),
      attestor: z.string(),
      spiffeId: z.string(),
      nodeKey,
      address: z.string(),
      token: z.string().exactOptional().describe('The join token, by its id.'),
      proved,
    })
    .describe('A host proved itself, and has an SVID.'),
  z
    .object({
      kind: z.literal('jwt-svids-issued'),
      spiffeId: z.string(),
      audience: texts,
      nodeKey: nodeKey.exactOptional(),
      address: z.string().exactOptional().describe('From where the last one was asked for.'),
      count: z.number().describe('Since the last of these records, this one included.'),
    })
    .describe('Tokens of an identity for an audience: the first one of each host, and then once an hour.'),
  z
    .object({
      kind: z.literal('svid-refused'),
      by: z.enum(['attest', 'renew']),
      address: z.string(),
      code: z.string(),
      reason: z.string(),
      why: texts.describe('Which selectors came closest, and what did not match.'),
      attestor: z.string().exactOptional(),
      spiffeId: z.string().exactOptional().describe('What it would have been, as far as that is proved.'),
      nodeKey: nodeKey.exactOptional(),
    })
    .describe(
      'Somebody asked for an SVID and got none. The same again within an hour, and more than 600 at once and five a second, are counted.',
    ),
  z
    .object({ kind: z.literal('svids-refused'), count: z.number(), reasons: texts })
    .describe(
      'More such refusals than are recorded one by one, since the last of these, the most frequent reasons first.',
    ),
  z
    .object({
      kind: z.literal('job-exchanged'),
      attestor: z.string(),
      spiffeId: z.string(),
      serial: z.string(),
      notAfter: isoTime,
      nodeKey,
      address: z.string(),
      proved,
    })
    .describe('The token of a CI job was exchanged for an SVID. Written before the job has it.'),
  z
    .object({
      kind: z.literal('job-refused'),
      attestor: z.string(),
      code: z.string(),
      reason: z.string().describe('Is not told to whoever sent it; nor is `why`.'),
      why: texts,
      nodeKey: nodeKey.exactOptional(),
      address: z.string(),
      proved: proved.exactOptional().describe('Absent if the token proves nothing.'),
    })
    .describe('Such a token got nothing.'),
  z
    .object({
      kind: z.literal('job-ended'),
      attestor: z.string(),
      spiffeId: z.string(),
      nodeKey,
      address: z.string(),
      proved,
    })
    .describe('The runner that vouched for a job says that it has ended: its identity is withdrawn.'),
  z
    .object({ kind: z.literal('jobs-refused'), count: z.number(), reasons: texts })
    .describe(
      'More such refusals than are recorded one by one, since the last of these, the most frequent reasons first.',
    ),
  z
    .object({
      kind: z.literal('intermediate-certified'),
      author,
      cell: z.string(),
      address: z.string(),
      notAfter: isoTime,
    })
    .describe('An intermediate for the control plane of a cell, good for every identity. Written before it gets it.'),
  z
    .object({
      kind: z.literal(['token-created', 'token-revoked']),
      author,
      spiffeId: z.string(),
      id: z.string().exactOptional().describe("The token's name, which reveals nothing of it."),
      uses: z.number().exactOptional().describe('How many hosts may redeem it.'),
      reason,
    })
    .describe('A join token.'),
  z
    .object({
      kind: z.literal('root-rotation'),
      author,
      phase: z.string(),
      cut: texts.describe('Who was left behind so far.'),
      reason,
    })
    .describe('A phase of the rotation of the root began, or it ended.'),
  z
    .object({
      kind: z.literal('log-levels-set'),
      author,
      node: z.string(),
      levels: texts.describe('`LOGGER=LEVEL`; none: back to what was before.'),
      seconds: z.number().describe('For how long.'),
      reason,
    })
    .describe('An Envoy logs something else for a while. Written before it is told.'),
  z
    .object({
      kind: z.literal('certificates-rotated'),
      author,
      selector: z.string().exactOptional().describe('Absent if all were renewed.'),
      rotated: z.number(),
      reason,
    })
    .describe('Certificates of proxies were renewed at once.'),
  z
    .object({ kind: z.literal('host-evicted'), author, nodeKey: z.string(), reason })
    .describe(
      'Its node key, and every SVID bound to it, are refused from then on. `author`: `documents` if no document names its identity ' +
        'any more.',
    ),
  z
    .object({
      kind: z.literal(['banned', 'unbanned']),
      author,
      spiffeId: z.string().exactOptional(),
      nodeKey: nodeKey.exactOptional(),
      reason,
    })
    .describe('An identity, or a host (with the identity that it had).'),
  z
    .object({
      kind: z.literal('credential-used'),
      principal: z.string(),
      service: z.string(),
      secret: z.string().describe('The name of the token in its document.'),
      node: z.string(),
      calls: z.number().describe('Since the last of these records, in the life of the control plane.'),
    })
    .describe(
      'A proxy set a token of its application for a caller, as a document grants it: the first time, and then at most once an hour for ' +
        'each caller, service and token.',
    ),
  z
    .object({
      kind: z.literal('break-glass-used'),
      principal: z.string(),
      service: z.string(),
      node: z.string(),
    })
    .describe('At most once a minute for each identity and service.'),
] as const;
