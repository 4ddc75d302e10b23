// Calls from `web` to its dependencies, each behind its sidecar, with a control plane that takes their access logs: as users run it.
import { join } from 'node:path';
import { startCheckoutWall } from '../../test/qualification/support/checkout-wall.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import type { Protocol } from './calls.ts';

/** How many rules the HTTP/1.1 services have, besides the one that allows the call. */
export const ruleCounts = [0, 500, 5000] as const;
export type RuleCount = (typeof ruleCounts)[number];

export interface OurPaths {
  readonly ports: Readonly<Record<Protocol, number>>;
  /** Of HTTP/1.1. */
  readonly withRules: Readonly<Record<RuleCount, number>>;
  stop(): Promise<void>;
}

const domain = 'bench.test';
const path = '/bench.Calls/Unary';
/** Of one policy, at most. */
const perPolicy = 500;

export async function startOurPaths(folder: string, application: number): Promise<OurPaths> {
  const closers: (() => void | Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.toReversed()) await close();
  };
  const services = [
    ...ruleCounts.map((count) => ({ name: `rules-${count}`, protocol: 'http1' as const, count })),
    { name: 'grpc', protocol: 'grpc' as const, count: 0 },
  ];
  const listens = await freePorts(services.length);
  const port = (name: string): number => listens[services.findIndex((one) => one.name === name)] ?? 0;
  const dependencies = services.map(({ name }) => `{service: ${name}, listen: ${port(name)}}`);
  const documents = [
    `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: ${domain}}`,
    `kind: Service\nmetadata: {name: web}\nspec: {protocol: http1, dependsOn: [${dependencies.join(', ')}]}`,
    ...services.flatMap(({ name, protocol, count }) => [
      `kind: Service\nmetadata: {name: ${name}}\nspec: {protocol: ${protocol}}`,
      policy(`${name}-z`, name, ['{from: [{service: web}], to: [{path: {prefix: "/"}}]}']),
      ...Array.from({ length: count / perPolicy }, (_, index) => policy(`${name}-${index}`, name, manyRules(index))),
    ]),
  ];
  try {
    const wall = await startCheckoutWall(
      { root: join(import.meta.dirname, '../..'), work: folder, defer: (close) => void closers.push(close) },
      documents.map((text) => `apiVersion: cellwall/v1\n${text}\n`).join('---\n'),
    );
    for (const { name } of services) await wall.sidecar(name, application);
    await wall.sidecar('web');
    const withRules = { 0: port('rules-0'), 500: port('rules-500'), 5000: port('rules-5000') };
    return { ports: { http1: withRules[0], grpc: port('grpc') }, withRules, stop };
  } catch (reason) {
    await stop();
    throw reason;
  }
}

/** Half of them speak of other callers, half of the caller and other paths: none allows the call. */
function manyRules(policyNumber: number): readonly string[] {
  return Array.from({ length: perPolicy }, (_, index) => {
    const number = policyNumber * perPolicy + index;
    return number % 2 === 0
      ? `{from: [{spiffeId: "spiffe://${domain}/service/caller-${number}"}], to: [{path: {exact: "${path}"}}]}`
      : `{from: [{service: web}], to: [{methods: [GET], path: {exact: "/api/v4/projects/${number}"}}]}`;
  });
}

function policy(name: string, target: string, rules: readonly string[]): string {
  const spec = `{target: {service: ${target}}, action: allow, rules: [${rules.join(', ')}]}`;
  return `kind: AuthorizationPolicy\nmetadata: {name: ${name}}\nspec: ${spec}`;
}
